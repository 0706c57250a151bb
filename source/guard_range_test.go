package source_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// TestGuardKeepsTheEndOfARange reads up to a key, under a ceiling and with
// connections that are lost, so that the guard goes on behind what it has given.
func TestGuardKeepsTheEndOfARange(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		for _, e := range entities() {
			var keys []source.Key
			read := func(s source.Source, r source.Range) (got []source.Key) {
				snapshot, err := s.Snapshot(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n, err := snapshot.Read(t.Context(), query(e), r, func(record *source.Record) error {
					got = append(got, record.Key)
					return nil
				})
				if err := errors.Join(err, snapshot.Close()); err != nil || n != len(got) {
					t.Fatalf("%d records, %d given: %v", n, len(got), err)
				}
				return got
			}
			keys = read(m, source.Range{})
			from, to := len(keys)/4, len(keys)*3/4
			stretch := source.Range{After: &keys[from], Upto: &keys[to]}
			for _, limits := range []source.Limits{{}, {RecordsPerSecond: 30}, {BytesPerSecond: 5000}} {
				for _, every := range []int{0, 1, 10} {
					calls := 0
					m.onRecord = func(context.Context) error {
						if calls++; every > 0 && calls%(every+1) == 0 {
							return lost()
						}
						return nil
					}
					if got := read(source.NewGuard(m, limits, quiet()), stretch); !slices.Equal(got, keys[from+1:to+1]) {
						t.Errorf("%s, %+v, lost every %d records: %d records, want %d", e, limits, every, len(got), to-from)
					}
					m.onRecord = nil
				}
			}
		}
	})
}

// TestGuardCutsAsItsSource cuts through a guard whose first transaction is lost.
func TestGuardCutsAsItsSource(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		cut := func(s source.Source) []source.Key {
			snapshot, err := s.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			keys, err := snapshot.Cut(t.Context(), query(source.Interaction), source.Range{}, 5)
			if err := errors.Join(err, snapshot.Close()); err != nil {
				t.Fatal(err)
			}
			return keys
		}
		want := cut(m)
		failures := 2
		m.onSnapshot = func() error {
			if failures--; failures >= 0 {
				return lost()
			}
			return nil
		}
		if got := cut(source.NewGuard(m, source.Limits{}, quiet())); len(want) != 4 || !slices.Equal(got, want) {
			t.Errorf("cut at %v, want %v", got, want)
		}
	})
}

// sharing is a source that shares snapshots.
type sharing struct {
	*moody
	began time.Time
	after time.Duration
}

func (s *sharing) Share(context.Context, time.Duration) (*source.Shared, error) {
	s.after = time.Since(s.began)
	return &source.Shared{Name: "one"}, nil
}

// TestGuardSharesBehindQuietHours has a snapshot shared in quiet hours, under a
// ceiling, and by a source that has none.
func TestGuardSharesBehindQuietHours(t *testing.T) {
	inBubble(t, func(t *testing.T, m *moody) {
		s := &sharing{moody: m, began: time.Now()}
		begin := s.began.UTC()
		hours, err := cdds.ParseQuietHours([]string{begin.Format("15:04") + "-" + begin.Add(2*time.Hour).Format("15:04")})
		if err != nil {
			t.Fatal(err)
		}
		shared, err := source.NewGuard(s, source.Limits{Quiet: hours}, quiet()).Share(t.Context(), time.Minute)
		if err != nil || shared == nil || shared.Name != "one" || s.after < time.Hour {
			t.Errorf("%v is shared after %v: %v", shared, s.after, err)
		}
		for _, limits := range []source.Limits{{RecordsPerSecond: 1000}, {BytesPerSecond: 1000}} {
			if shared, err := source.NewGuard(s, limits, quiet()).Share(t.Context(), time.Minute); shared != nil || err != nil {
				t.Errorf("%+v: %v is held, %v", limits, shared, err)
			}
		}
		shared, err = source.NewGuard(m, source.Limits{}, quiet()).Share(t.Context(), time.Minute)
		if shared != nil || err != nil {
			t.Errorf("a file shares %v, %v", shared, err)
		}
	})
}
