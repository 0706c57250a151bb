package export

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cdds"
	"cdds/source"
)

// Range is a stretch of a split run in key order, which can be exported by
// itself: by any worker, beside the others and in any order. Together the ranges
// of a run hold each of its records once. Its JSON form is what nodes of
// different versions hand to each other.
type Range struct {
	Number  int           `json:"number"` // unique in the run; it stands in the names of files
	Entity  source.Entity `json:"entity"`
	After   *source.Key   `json:"after,omitempty"` // exclusive; nil: from the first record
	Upto    *source.Key   `json:"upto,omitempty"`  // inclusive; nil: to the last record
	Records int64         `json:"records"`         // how many are expected
	Exact   bool          `json:"exact,omitempty"` // Records was counted
	// Kinds spares all ranges what the one that cut them has learned.
	Kinds source.Kinds `json:"kinds,omitempty"`
}

const (
	// defaultLeast is the least that a range is cut for: what is read in a few
	// seconds is not worth a task.
	defaultLeast = 50_000
	// attachmentWeight is how many interactions an attachment is as much work as,
	// about.
	attachmentWeight = 10
	// partsOfRange is how many parts a range makes at least, about, since the last
	// of each is seldom full. A record becomes some sizeOfRecord bytes.
	partsOfRange, sizeOfRecord = 3, 1000
	// defaultLife is how long a snapshot is held for the ranges of a run.
	defaultLife = 5 * time.Minute
)

// ErrCut is what Spec.Keep returns to end a run behind the part that it was
// given: it keeps the part, and what follows is left to others.
var ErrCut = errors.New("the run is cut behind this part")

// Cut counts a split run and cuts it into at most so many ranges of about equal
// work, in the order of their keys and without a gap between them. It makes one
// for each kind of records where more would not pay, and is a *TooEarly as Run.
//
// Where the order itself has a Range, that is cut and not the run: Records must
// say how many are expected, and the new ranges number from its number on.
func (e *Engine) Cut(ctx context.Context, spec Spec, most int) (ranges []Range, err error) {
	ctx = withErrand(ctx, spec, nil)
	snapshot, err := e.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	if err := early(spec, snapshot); err != nil {
		return nil, err
	}
	whole := []Range{}
	if spec.Range != nil {
		whole = append(whole, *spec.Range)
	} else if whole, err = count(ctx, spec, snapshot); err != nil {
		return nil, err
	}
	for i, n := range e.shares(spec, whole, most) {
		cuts, err := e.cutRange(ctx, spec, snapshot, whole[i], n)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, cuts...)
	}
	for i := range ranges {
		ranges[i].Number = whole[0].Number + i
	}
	return ranges, nil
}

// shares says into how many ranges each of some is to be cut, by their work.
func (e *Engine) shares(spec Spec, whole []Range, most int) []int {
	least := e.LeastRecords
	if least <= 0 {
		least = max(defaultLeast, partsOfRange*spec.SplitSize/sizeOfRecord)
	}
	work := make([]int64, len(whole))
	total := int64(0)
	for i, r := range whole {
		work[i] = r.Records
		if r.Entity == source.Attachment {
			work[i] *= attachmentWeight
		}
		total += work[i]
	}
	out := make([]int, len(whole))
	for i := range whole {
		n := min(work[i]/least, int64(float64(most)*float64(work[i])/float64(max(total, 1))))
		out[i] = int(max(n, 1))
	}
	return out
}

// cutRange cuts a range into at most n.
func (e *Engine) cutRange(ctx context.Context, spec Spec, snapshot source.Snapshot, whole Range, n int) ([]Range, error) {
	var keys []source.Key
	if n > 1 {
		var err error
		if keys, err = snapshot.Cut(ctx, spec.query(whole.Entity), source.Range{After: whole.After, Upto: whole.Upto}, n); err != nil {
			return nil, err
		}
	}
	out := []Range{}
	rest := whole
	for i := range keys {
		next := rest
		next.Upto, rest.After = &keys[i], &keys[i]
		out = append(out, next)
	}
	out = append(out, rest)
	if len(out) > 1 {
		for i := range out {
			out[i].Records, out[i].Exact = whole.Records/int64(len(out)), false
		}
		out[0].Records += whole.Records % int64(len(out))
	}
	return out, nil
}

// InOrder puts all ranges of a finished run into the order of their keys, and
// fails where they leave a gap or overlap: each begins where another ended. It
// needs no order of ids, which is the database's own.
func InOrder(t cdds.EntityType, ranges []Range) ([]Range, error) {
	left := slices.Clone(ranges)
	out := make([]Range, 0, len(ranges))
	for _, e := range entitiesOf(t) {
		var at *source.Key
		for ended := false; !ended; {
			next := -1
			for i, r := range left {
				empty := at != nil && meets(r.Upto, at) // it comes first, since it leads on to nothing
				if r.Entity == e && meets(r.After, at) && (next < 0 || empty) {
					next = i
				}
			}
			if next < 0 {
				return nil, gap()
			}
			at, ended = left[next].Upto, left[next].Upto == nil
			out = append(out, left[next])
			left = slices.Delete(left, next, next+1)
		}
	}
	if len(left) > 0 {
		return nil, gap()
	}
	return out, nil
}

// meets reports whether two ends of ranges are the same.
func meets(a, b *source.Key) bool { return a == b || a != nil && b != nil && *a == *b }

// gap is the error for ranges that are not those of a run.
func gap() error {
	return &cdds.Error{Code: cdds.CodeInternal, Message: "The ranges of the run do not join: records would be missing or there twice.",
		Hint: "Retry the run by hand: it then starts over."}
}

// Number gives the artifacts of all ranges, in the order of InOrder, their
// numbers and names in the run.
func Number(runID string, artifacts []Artifact) []Artifact {
	out := slices.Clone(artifacts)
	for i := range out {
		out[i].Name, out[i].Part, out[i].Parts = cdds.ArtifactName(runID, i+1), i+1, len(out)
	}
	return out
}

// HoldSnapshot has the source hold a snapshot, so that all ranges of a run can
// read under it, and returns its name for Spec.Snapshot. The name is "" where
// the source cannot, or should not now. It is held until release, and for the
// engine's SnapshotLife at most; ranges that come later read what is there then.
// Release may be called more than once.
func (e *Engine) HoldSnapshot(ctx context.Context, runID string) (name string, release func() error, err error) {
	life := e.SnapshotLife
	if life <= 0 {
		life = defaultLife
	}
	none := func() error { return nil }
	sharer, ok := e.Source.(source.Sharer)
	if !ok {
		return "", none, nil
	}
	shared, err := sharer.Share(source.WithErrand(ctx, source.Errand{Run: runID}), life)
	if err != nil || shared == nil {
		return "", none, err
	}
	once := sync.OnceValue(shared.Close)
	timer := time.AfterFunc(life, func() { once() }) //nolint:errcheck // release gives the same error
	return shared.Name, func() error {
		timer.Stop()
		if err := once(); err != nil {
			return fmt.Errorf("give the run's snapshot up: %w", err)
		}
		return nil
	}, nil
}
