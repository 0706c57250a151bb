package cdds

import "time"

// Window is the half-open interval [Start, End) of instants in UTC that a run
// exports. A zero Start means "from the beginning".
type Window struct {
	Start time.Time
	End   time.Time
}

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool {
	return (w.Start.IsZero() || !t.Before(w.Start)) && t.Before(w.End)
}

// Empty reports whether no instant lies in the window.
func (w Window) Empty() bool {
	return !w.Start.IsZero() && !w.Start.Before(w.End)
}
