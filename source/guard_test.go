package source_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cdds"
	"cdds/source"
)

// inBubble runs a test on a real file under a clock that only waits move on.
func inBubble(t *testing.T, test func(t *testing.T, m *moody)) {
	t.Helper()
	path := sampleFile(t)
	synctest.Test(t, func(t *testing.T) {
		m := openMoody(t, path)
		test(t, m)
		if m.open.Load() != 0 {
			t.Errorf("%d transactions were left open", m.open.Load())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestGuardGivesTheSameRecords reads with ceilings of every size.
func TestGuardGivesTheSameRecords(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		for _, e := range entities() {
			want := lines(t, t.Context(), m, e, 0)
			for _, l := range []source.Limits{{}, {RecordsPerSecond: 3}, {RecordsPerSecond: 100}, {RecordsPerSecond: 1e9}, {BytesPerSecond: 2000}, {BytesPerSecond: 1e6, RecordsPerSecond: 50}} {
				for _, limit := range []int{0, 7, len(want), 1000} {
					got := lines(t, t.Context(), source.NewGuard(m, l, quiet()), e, limit)
					if !slices.Equal(got, want) {
						t.Fatalf("%s, %+v, ranges of %d: %d records, want the same %d", e, l, limit, len(got), len(want))
					}
				}
			}
		}
	})
}

// TestCeilingIsKept looks at every stretch of time while two runs read.
func TestCeilingIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		const perSecond = 40
		g := source.NewGuard(m, source.Limits{RecordsPerSecond: perSecond}, quiet())
		begin := time.Now()
		times := make([][]time.Duration, 2)
		var failed [2]error
		done := make(chan struct{})
		for run := range times {
			go func() {
				failed[run] = readAll(t.Context(), g, source.Interaction, 50, func(string) error {
					times[run] = append(times[run], time.Since(begin))
					return nil
				})
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		if err := errors.Join(failed[:]...); err != nil {
			t.Fatal(err)
		}
		all := slices.Sorted(slices.Values(slices.Concat(times...)))
		const burst = perSecond / 10
		for i := range all {
			for _, window := range []time.Duration{100 * time.Millisecond, time.Second} {
				n, _ := slices.BinarySearch(all[i:], all[i]+window)
				if most := int(window.Seconds()*perSecond) + burst; n > most {
					t.Fatalf("%d records within %s, at most %d may be", n, window, most)
				}
			}
		}
		if whole := float64(len(all)) / perSecond; all[len(all)-1].Seconds() > 1.1*whole+1 {
			t.Errorf("%d records took %s: the ceiling was not reached", len(all), all[len(all)-1])
		}
	})
}

// TestByteCeilingIsKept compares the bytes that were read with the time.
func TestByteCeilingIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		size := 0
		for _, line := range lines(t, t.Context(), m, source.Attachment, 0) {
			size += len(line)
		}
		const perSecond = 20_000
		begin := time.Now()
		lines(t, t.Context(), source.NewGuard(m, source.Limits{BytesPerSecond: perSecond}, quiet()), source.Attachment, 10_000)
		// The lines quote bytes, so they are longer than what is counted.
		if took := time.Since(begin).Seconds(); took > float64(size)/perSecond || took < float64(size)/perSecond/6 {
			t.Errorf("about %d bytes took %.1f s at %d a second", size, took, perSecond)
		}
	})
}

// TestNoTransactionWaits: under a ceiling no transaction is open while it is
// waited for, unless the run must be one. Time passes here only where something
// waits.
func TestNoTransactionWaits(t *testing.T) {
	for name, limits := range map[string]source.Limits{
		"records": {RecordsPerSecond: 10}, // 300 in 30 s
		"bytes":   {BytesPerSecond: 20_000},
		"both":    {RecordsPerSecond: 50, BytesPerSecond: 20_000},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *moody) {
				want := lines(t, t.Context(), m, source.Interaction, 0)
				m.snapshots.Store(0)
				begin := time.Now()
				g := source.NewGuard(m, limits, quiet())
				if got := lines(t, t.Context(), g, source.Interaction, 10_000); !slices.Equal(got, want) {
					t.Errorf("%d records, want %d", len(got), len(want))
				}
				if took, held := time.Since(begin), time.Duration(m.held.Load()); took < time.Second || held > 0 {
					t.Errorf("transactions were open for %s of %s", held, took)
				}
				m.snapshots.Store(0)
				lines(t, source.WithErrand(t.Context(), source.Errand{OneSnapshot: true}), g, source.Interaction, 10_000)
				if m.snapshots.Load() != 1 {
					t.Errorf("one snapshot was %d", m.snapshots.Load())
				}
			})
		})
	}
}

// TestTransactionsStayShort: a range under a ceiling that the database cannot
// reach outlasts a transaction, unless it must be one.
func TestTransactionsStayShort(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		m.onRecord = func(context.Context) error { time.Sleep(time.Second / 10); return nil }
		g := source.NewGuard(m, source.Limits{RecordsPerSecond: 100}, quiet())
		lines(t, t.Context(), g, source.Interaction, 10_000) // 300 records in 30 s
		if m.snapshots.Load() < 5 || m.snapshots.Load() > 7 {
			t.Errorf("%d transactions, want one for each 5 s", m.snapshots.Load())
		}
		m.snapshots.Store(0)
		lines(t, source.WithErrand(t.Context(), source.Errand{OneSnapshot: true}), g, source.Interaction, 10_000)
		if m.snapshots.Load() != 1 {
			t.Errorf("one snapshot was %d", m.snapshots.Load())
		}
	})
}

// TestLostConnections loses the connection again and again, also before the
// first record, behind the last of a range and while a new one is made.
func TestLostConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		for _, e := range entities() {
			want := lines(t, t.Context(), m, e, 0)
			for _, every := range []int{1, 2, 7, 10, 50} {
				calls := 0
				m.onRecord = func(context.Context) error {
					if calls++; calls%(every+1) == 0 {
						return lost()
					}
					return nil
				}
				opened := 0
				m.onSnapshot = func() error {
					if opened++; opened%3 == 2 {
						return lost()
					}
					return nil
				}
				ended := 0
				m.onEnd = func() error {
					if ended++; ended%2 == 1 {
						return lost()
					}
					return nil
				}
				for _, l := range []source.Limits{{}, {RecordsPerSecond: 200}} {
					got := lines(t, t.Context(), source.NewGuard(m, l, quiet()), e, 10)
					if !slices.Equal(got, want) {
						t.Fatalf("%s, lost after every %d: %d records, want the same %d", e, every, len(got), len(want))
					}
				}
			}
			m.onRecord, m.onSnapshot, m.onEnd = nil, nil, nil
		}
	})
}

// TestFaultsThatStay: what a new connection does not cure is told at once, and
// what it may cure after a few tries.
func TestFaultsThatStay(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		refused := &cdds.Error{Code: cdds.CodeUnavailable, Message: "No."}
		for _, test := range []struct {
			name     string
			errand   source.Errand
			snapshot error // of each new transaction
			record   error // of each first record
			tries    int
			took     time.Duration
		}{
			{"gone for long", source.Errand{}, lost(), nil, 4, 7 * time.Second},
			{"gone at each first record", source.Errand{}, nil, lost(), 4, 7 * time.Second},
			{"another fault", source.Errand{}, nil, refused, 1, 0},
			{"one snapshot that is gone", source.Errand{OneSnapshot: true}, nil, lost(), 1, 0},
			{"one snapshot that has not begun", source.Errand{OneSnapshot: true}, lost(), nil, 4, 7 * time.Second},
		} {
			begin, tries := time.Now(), 0
			m.onSnapshot = func() error {
				tries++
				return test.snapshot
			}
			m.onRecord = func(context.Context) error { return test.record }
			err := readAll(source.WithErrand(t.Context(), test.errand), source.NewGuard(m, source.Limits{}, quiet()), source.Contact, 10, func(string) error { return nil })
			if want := errors.Join(test.snapshot, test.record); err == nil || err.Error() != want.Error() {
				t.Errorf("%s: got %v, want %v", test.name, err, want)
			}
			if took := time.Since(begin); tries != test.tries || took != test.took {
				t.Errorf("%s: %d tries in %s, want %d in %s", test.name, tries, took, test.tries, test.took)
			}
		}
	})
}

// TestErrorsOfTheReaderArePassedOn: a storage that fails is none of the source's
// faults. Nor is a connection that is lost while the reader takes a long
// content: a part of the record has been taken, so that it must not be read
// again.
func TestErrorsOfTheReaderArePassedOn(t *testing.T) {
	for name, fault := range map[string]error{"a full disk": errors.New("the disk is full"), "lost within a record": lost()} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *moody) {
				n := 0
				err := readAll(t.Context(), source.NewGuard(m, source.Limits{RecordsPerSecond: 100}, quiet()), source.Contact, 10, func(string) error {
					if n++; n == 15 {
						return fault
					}
					return nil
				})
				if err != fault || n != 15 { //nolint:errorlint // it must be returned as it is
					t.Errorf("after %d records: %v", n, err)
				}
			})
		})
	}
}

// TestQuietHoursAreWaitedFor begins to read in quiet hours, and comes into them
// while it reads.
func TestQuietHoursAreWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		// The clock stands at midnight of 1 January 2000.
		hours, err := cdds.ParseQuietHours([]string{"22:00-02:00", "02:01-03:00"})
		if err != nil {
			t.Fatal(err)
		}
		g := source.NewGuard(m, source.Limits{Quiet: hours, RecordsPerSecond: 1}, quiet())
		var waits []string
		ctx := source.WithErrand(t.Context(), source.Errand{Waits: func(why string) { waits = append(waits, why) }})
		n := 0
		err = readAll(ctx, g, source.Interaction, 10_000, func(string) error {
			n++
			now := time.Now().UTC()
			// A transaction that began before may go on for its 5 s.
			if until := hours.Until(now.Add(-6 * time.Second)); !until.IsZero() && !hours.Until(now).IsZero() {
				t.Errorf("record %d came at %s", n, now.Format(time.TimeOnly))
			}
			return nil
		})
		if err != nil || n != 300 {
			t.Errorf("%d records, %v", n, err)
		}
		want := []string{"Waiting for the end of the source's quiet hours (02:00 UTC).", "", "Waiting for the end of the source's quiet hours (03:00 UTC).", ""}
		if !slices.Equal(waits, want) {
			t.Errorf("the run says %q", waits)
		}
	})
}

// TestWaitsEndWithTheirContext cancels whatever a read waits for.
func TestWaitsEndWithTheirContext(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		quietHours, err := cdds.ParseQuietHours([]string{"00:00-23:00"})
		if err != nil {
			t.Fatal(err)
		}
		strained := func() (source.Strain, error) { return source.Strain{Blocked: 100}, nil }
		why := errors.New("canceled")
		for _, test := range []struct {
			name     string
			limits   source.Limits
			strain   func() (source.Strain, error)
			snapshot error
		}{
			{"quiet hours", source.Limits{Quiet: quietHours}, nil, nil},
			{"a ceiling", source.Limits{RecordsPerSecond: 1}, nil, nil},
			{"a ceiling in bytes", source.Limits{BytesPerSecond: 10}, nil, nil},
			{"distress", source.Limits{}, strained, nil},
			{"a lost source", source.Limits{}, nil, lost()},
		} {
			m.onStrain, m.onSnapshot = test.strain, func() error { return test.snapshot }
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(500*time.Millisecond, func() { cancel(why) })
			begin := time.Now()
			err := readAll(ctx, source.NewGuard(m, test.limits, quiet()), source.Interaction, 10_000, func(string) error { return nil })
			if took := time.Since(begin); !errors.Is(err, why) || took != 500*time.Millisecond {
				t.Errorf("%s: ended after %s with %v", test.name, took, err)
			}
			timer.Stop()
			cancel(nil)
		}
	})
}

// TestReadsWithoutProgressEnd: time counts only while the source owes a record.
func TestReadsWithoutProgressEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		g := source.NewGuard(m, source.Limits{NoProgress: time.Minute}, quiet())
		m.onRecord = func(ctx context.Context) error {
			select { // slow, but steady
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(50 * time.Second):
				return nil
			}
		}
		if got := lines(t, t.Context(), g, source.Contact, 10); len(got) != 60 {
			t.Errorf("a slow source gave %d records", len(got))
		}
		m.onRecord = nil
		err := readAll(t.Context(), g, source.Contact, 10, func(string) error {
			time.Sleep(time.Hour) // a slow reader
			return nil
		})
		if err != nil {
			t.Errorf("a slow reader: %v", err)
		}
		m.onRecord = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		begin := time.Now()
		err = readAll(t.Context(), g, source.Contact, 10, func(string) error { return nil })
		if took := time.Since(begin); cdds.CodeOf(err) != cdds.CodeUnavailable || !strings.Contains(err.Error(), "no record for 1m0s") || took > 75*time.Second {
			t.Errorf("a source that stands still: after %s %v", took, err)
		}
	})
}
