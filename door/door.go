// Package door is what each connection passes before the API and the console
// see it, and each answer on its way out: TLS, the client's true address, the
// headers that browsers go by, compression, and limits on how much one client
// or all of them together may ask for.
//
//	network ─▶ TLS ─▶ address ─▶ headers ─▶ compression ─▶ api, console
//	                                      (api asks Limits for rates and places)
//
// It knows nothing of the product: keys are texts, and what is refused is a
// time to wait, which the caller turns into an answer. It never asks the clock
// about rates; the time is an argument. Memory is bounded whatever comes in.
package door

import "time"

// Limits are the bounds that the API asks about with each request. The zero
// value allows everything.
type Limits struct {
	// Users bounds the requests of one signed-in user, by the user's id.
	Users *Rate
	// Addresses bounds the requests of one address that come with no valid
	// sign-in, by the address's network. Whoever is signed in does not count, so
	// that a company behind one address does not lock itself out.
	Addresses *Rate
	// Downloads bounds the downloads that run at a time, by the user's id.
	Downloads *Slots
	// Stall is how long a client of a download may take nothing.
	Stall time.Duration
}
