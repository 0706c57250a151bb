package source

import (
	"context"
	"errors"
)

// ErrLost is in the chain of errors that a new connection may cure: the server
// restarts, another one takes over, the network failed.
var ErrLost = errors.New("the connection to the source was lost")

// Errand says on whose behalf a source is read. It travels in the context,
// since every read has one and no read depends on it.
type Errand struct {
	Run string // the run's id, under which the server shows the connection
	// OneSnapshot says that all of the run must come from its first snapshot, so
	// that none may be taken in its place.
	OneSnapshot bool
	// Snapshot is the name of a shared snapshot to read under while it lives; ""
	// or one that is gone: each transaction takes its own.
	Snapshot string
	// Waits is told, in a sentence for people, what the run waits for, and ""
	// when it goes on; nil where nobody wants to know.
	Waits func(why string)
}

// errandKey is the errand's key in a context.
type errandKey struct{}

// WithErrand returns a context whose reads are for an errand.
func WithErrand(ctx context.Context, e Errand) context.Context {
	return context.WithValue(ctx, errandKey{}, e)
}

// ErrandOf returns the errand of a context, and an empty one where it has none.
func ErrandOf(ctx context.Context) Errand {
	e, _ := ctx.Value(errandKey{}).(Errand)
	return e
}

// Waiting tells those who look at the run what it waits for.
func (e Errand) Waiting(why string) {
	if e.Waits != nil {
		e.Waits(why)
	}
}
