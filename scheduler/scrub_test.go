package scheduler_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/scheduler"
	"cdds/store"
)

const fast = 1 << 40 // bytes in a second: no waiting

// scrub returns the scrub of a node, whose clock is the test's.
func (w *world) scrub(node string, clock *time.Time) *scheduler.Scrub {
	return scheduler.NewScrub(scheduler.ScrubConfig{Store: w.store, Control: w.control, Node: node, Rate: fast,
		Now: func() time.Time { return *clock }, Log: slog.New(slog.DiscardHandler)})
}

// stored makes finished runs whose artifacts are what was written.
func (w *world) stored(t testing.TB, n int) []cdds.Artifact {
	t.Helper()
	job := w.create(t, cdds.Schedule{Kind: cdds.Hourly, Every: 24})
	sum := sha256.Sum256([]byte("data"))
	var all []cdds.Artifact
	for range n {
		run := w.start(t, job)
		w.begin(t, run, 1, now)
		name := cdds.ArtifactName(run.ID, 0)
		a := cdds.Artifact{ID: "artifact-" + run.ID, TenantID: run.TenantID, RunID: run.ID, JobID: run.JobID, Title: run.Spec.Title, Type: run.Spec.Type,
			Name: name, Key: cdds.ArtifactPrefix(run.TenantID, run.ID, 1) + name, Part: 1, Parts: 1, Size: 4, SHA256: hex.EncodeToString(sum[:]),
			CreatedAt: now, ExpiresAt: at(30 * 24 * time.Hour)}
		w.put(t, a.Key)
		noError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Finish(t.Context(), store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: now, Artifacts: []cdds.Artifact{a}})
			return err
		}))
		all = append(all, a)
	}
	return all
}

// pass lets a scrub work until nothing is due, and returns how many artifacts
// it checked.
func pass(t testing.TB, s *scheduler.Scrub) int {
	t.Helper()
	for n := 0; ; n++ {
		more, err := s.Step(t.Context())
		noError(t, err)
		if !more {
			return n
		}
	}
}

func (w *world) artifact(t testing.TB, a cdds.Artifact) cdds.Artifact {
	t.Helper()
	now, err := w.store.Artifact(t.Context(), a.TenantID, a.ID)
	noError(t, err)
	return now
}

// TestScrub checks every file once a week, marks what is damaged, and takes the
// mark away when the file is back.
func TestScrub(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		clock := now
		s := w.scrub("node", &clock)
		files := w.stored(t, 3)
		visit := func(after time.Duration, checked int, damages ...string) {
			t.Helper()
			clock = at(after)
			if n := pass(t, s); n != checked {
				t.Fatalf("after %s: %d files were checked, want %d", after, n, checked)
			}
			for i, want := range damages {
				if got := w.artifact(t, files[i]).Damage; (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Fatalf("after %s: file %d: %q, want %q", after, i, got, want)
				}
			}
		}
		const week = 7 * 24 * time.Hour
		visit(0, 3, "", "", "")
		noError(t, w.bucket.Delete(t.Context(), files[0].Key))
		noError(t, w.bucket.WriteAll(t.Context(), files[1].Key, []byte("DATA"), nil))
		visit(week, 0, "", "", "")
		visit(week+time.Second, 3, "missing", "SHA-256", "")
		if got := w.artifact(t, files[2]).VerifiedAt; !got.Equal(at(week + time.Second)) {
			t.Fatalf("verified at %s", got)
		}
		w.put(t, files[0].Key)
		visit(2*week, 0, "missing", "SHA-256", "")
		visit(2*week+2*time.Second, 3, "", "SHA-256", "")
	})
}

// TestScrubOfAnEmptyStorage takes it for a disk that is not mounted: nothing is
// marked.
func TestScrubOfAnEmptyStorage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.SQLite)
	clock := now
	s := w.scrub("node", &clock)
	files := w.stored(t, 2)
	for _, a := range files {
		noError(t, w.bucket.Delete(t.Context(), a.Key))
	}
	for range files {
		_, err := s.Step(t.Context())
		if cdds.CodeOf(err) != cdds.CodeUnavailable {
			t.Fatalf("the scrub of an empty storage: %v", err)
		}
	}
	if n := pass(t, s); n != 0 { // what cannot be read keeps nobody from the next pass
		t.Fatalf("%d files were checked", n)
	}
	for _, a := range files {
		if got := w.artifact(t, a); got.Damage != "" || !got.VerifiedAt.IsZero() {
			t.Fatalf("marked: %+v", got)
		}
	}
	w.put(t, files[0].Key)
	if n := pass(t, s); n != 2 || w.artifact(t, files[1]).Damage != control.Missing {
		t.Fatalf("%d files were checked after the storage was back", n)
	}
}

// TestOneScrubAtATime gives the check to one of two nodes, and to the other
// when the first is silent for a minute.
func TestOneScrubAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		clock := now
		one, two := w.scrub("one", &clock), w.scrub("two", &clock)
		w.stored(t, 3)
		step := func(name string, s *scheduler.Scrub, want bool) {
			t.Helper()
			more, err := s.Step(t.Context())
			noError(t, err)
			if more != want {
				t.Fatalf("after %s: node %s checked a file: %t, want %t", clock.Sub(now), name, more, want)
			}
		}
		step("one", one, true)
		step("two", two, false)
		clock = at(59 * time.Second)
		step("one", one, true)
		clock = at(119 * time.Second)
		step("two", two, false)
		clock = at(120 * time.Second)
		step("two", two, true)
		step("one", one, false) // all are checked
	})
}

// TestScrubEnds has its context end in the middle of a file, at a rate that
// would take hours.
func TestScrubEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.SQLite)
	a := w.stored(t, 2)[1]
	s := scheduler.NewScrub(scheduler.ScrubConfig{Store: w.store, Control: w.control, Node: "node", Rate: 100, Now: func() time.Time { return at(time.Hour) }, Log: quiet()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	deadline := time.After(time.Minute)
	for { // the first file is free of waiting, the second is not
		page, err := w.store.Artifacts(t.Context(), store.ArtifactQuery{TenantID: a.TenantID})
		noError(t, err)
		if !page.Items[0].VerifiedAt.IsZero() || !page.Items[1].VerifiedAt.IsZero() {
			break
		}
		select {
		case <-deadline:
			t.Fatal("nothing was checked in a minute")
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	select {
	case <-ended:
	case <-deadline:
		t.Fatal("the scrub did not end")
	}
}
