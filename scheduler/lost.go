package scheduler

import (
	"time"

	"cdds"
)

// lostAfter is how long a worker may stay silent. It reports every second, and
// stops by itself a few seconds before this time is over.
const lostAfter = 30 * time.Second

// sighting is the last sign of life of an attempt: what its run's row said, and
// when that was first seen by this scheduler's steady clock.
type sighting struct {
	attempt int
	beat    time.Time
	since   time.Duration
}

// sightings tell silent workers from living ones, by run. Only that a row has
// changed counts, not which time it holds: clocks of nodes that differ, or are
// set, neither make a worker look lost nor keep a lost one from being noticed.
type sightings map[string]sighting

// lost returns those of the runs in progress whose row has not changed for too
// long, and forgets all that are not among the runs any more. steady is a clock
// that is never set.
func (s sightings) lost(runs []cdds.Run, steady time.Duration) []cdds.Run {
	var lost []cdds.Run
	present := map[string]bool{}
	for _, run := range runs {
		present[run.ID] = true
		seen, known := s[run.ID]
		if !known || seen.attempt != run.Attempt || !seen.beat.Equal(run.UpdatedAt) {
			s[run.ID] = sighting{run.Attempt, run.UpdatedAt, steady}
			continue
		}
		if steady-seen.since > lostAfter {
			lost = append(lost, run)
		}
	}
	for id := range s {
		if !present[id] {
			delete(s, id)
		}
	}
	return lost
}
