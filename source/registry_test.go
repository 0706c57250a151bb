package source_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"cdds"
	"cdds/source"
	"cdds/source/sqlite"
)

// TestARegistryOpensWhatIsAskedFor counts how often each of its sources is
// opened and closed.
func TestARegistryOpensWhatIsAskedFor(t *testing.T) {
	opened := map[string]int{}
	closed := 0
	mended := false
	opening := func(name string) func(context.Context) (source.Source, error) {
		return func(context.Context) (source.Source, error) {
			opened[name]++
			if name == "broken" && !mended {
				return nil, errors.New("the mapping cannot be read")
			}
			return &counted{closed: &closed}, nil
		}
	}
	r := source.NewRegistry(map[string]func(context.Context) (source.Source, error){"": opening(""), "acme": opening("acme"), "broken": opening("broken")})
	if names := strings.Join(r.Names(), ","); names != ",acme,broken" || !r.Has("acme") || r.Has("nobody") {
		t.Errorf("the names are %q", names)
	}
	first, err := r.Named(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Named(t.Context(), "acme"); err != nil || again != first {
		t.Errorf("another source the second time: %v", err)
	}
	if _, err := r.Named(t.Context(), "broken"); err == nil {
		t.Error("a source that cannot be opened is given out")
	}
	mended = true
	if _, err := r.Named(t.Context(), "broken"); err != nil {
		t.Errorf("a source that was mended is not opened: %v", err)
	}
	if _, err := r.Named(t.Context(), "nobody"); cdds.CodeOf(err) != cdds.CodeInvalid || cdds.CodeOf(err).Retryable() {
		t.Errorf("an unknown source gives %v", err)
	}
	if opened[""] != 0 || opened["acme"] != 1 || opened["broken"] != 2 {
		t.Errorf("opened: %v", opened)
	}
	if err := r.Close(); err != nil || closed != 2 {
		t.Errorf("closed %d, %v", closed, err)
	}
}

// counted is a source that counts its ends.
type counted struct {
	source.Source
	closed *int
}

func (c *counted) Close() error {
	*c.closed++
	return nil
}

// TestARegistryKnowsWhoAnswers asks a source that is there and one whose file
// is missing, both behind a guard whose hours are quiet.
func TestARegistryKnowsWhoAnswers(t *testing.T) {
	hours, err := cdds.ParseQuietHours([]string{"00:00-23:59"})
	if err != nil {
		t.Fatal(err)
	}
	there := sampleFile(t)
	guarded := func(file string) func(context.Context) (source.Source, error) {
		return func(context.Context) (source.Source, error) {
			s, err := sqlite.Open(file, sqlite.Options{})
			return source.NewGuard(s, source.Limits{Quiet: hours}, quiet()), err
		}
	}
	r := source.NewRegistry(map[string]func(context.Context) (source.Source, error){"there": guarded(there), "gone": guarded(filepath.Join(t.TempDir(), "gone.db"))})
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Answers(t.Context(), "there"); err != nil {
		t.Errorf("a source that is there: %v", err)
	}
	if err := r.Answers(t.Context(), "gone"); cdds.CodeOf(err) != cdds.CodeUnavailable {
		t.Errorf("a source whose file is missing: %v", err)
	}
	if err := r.Answers(t.Context(), "nobody"); cdds.CodeOf(err) != cdds.CodeInvalid {
		t.Errorf("a source that is not set: %v", err)
	}
}
