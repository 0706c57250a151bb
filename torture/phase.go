package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// phase is a moment in the life of a run. It is seen from outside: by what the
// source has sent, and by the files in the artifact storage.
type phase struct {
	name  string
	parts bool // it needs a run of several parts
	// reached returns a condition that is asked every few milliseconds.
	reached func(r *round) func() bool
}

// The phases of a run. Within each of them the moment is random.
func phases() []phase {
	return []phase{claim(), reading(), encrypting(), storing(), finishing()}
}

// anyPhase chooses one of the phases.
func anyPhase(random *rand.Rand) phase { return phases()[random.IntN(len(phases()))] }

// claim is while the jobs are saved and the first run is taken by a worker.
func claim() phase {
	return phase{name: "claim", reached: func(r *round) func() bool {
		at := time.Now().Add(time.Duration(r.random.IntN(1200)) * time.Millisecond)
		return func() bool { return time.Now().After(at) }
	}}
}

// reading is while the source sends records.
func reading() phase {
	return phase{name: "reading", reached: func(r *round) func() bool {
		bytes := int64(r.random.Float64() * 0.95 * float64(r.total))
		return func() bool { return r.proxy.passed.Load() > bytes }
	}}
}

// encrypting is while a file is being written. It grows by a MiB at a time, so
// its size does not tell much.
func encrypting() phase {
	return phase{name: "encrypting", reached: func(r *round) func() bool {
		return after(time.Duration(r.random.IntN(500))*time.Millisecond, func() bool {
			files, err := r.stored()
			return err == nil && slices.ContainsFunc(files, func(f storedFile) bool { return f.growing })
		})
	}}
}

// storing is just before or after a part of several has got its name.
func storing() phase {
	return phase{name: "storing", parts: true, reached: func(r *round) func() bool {
		parts := 1 + r.random.IntN(r.parts)
		return after(time.Duration(r.random.IntN(20))*time.Millisecond, func() bool {
			files, err := r.stored()
			whole := slices.DeleteFunc(files, func(f storedFile) bool { return f.growing })
			return err == nil && len(whole) >= parts
		})
	}}
}

// finishing is while the last file is closed and the outcome is recorded.
func finishing() phase {
	return phase{name: "finishing", reached: func(r *round) func() bool {
		return after(time.Duration(r.random.IntN(80))*time.Millisecond, func() bool {
			return r.proxy.passed.Load() >= r.total*97/100
		})
	}}
}

// after is a condition that holds a while after another one has held.
func after(pause time.Duration, condition func() bool) func() bool {
	var held time.Time
	return func() bool {
		if held.IsZero() && condition() {
			held = time.Now()
		}
		return !held.IsZero() && time.Since(held) >= pause
	}
}

// idle is when all runs have ended. Occurrences come due while the service is
// down.
func idle() phase {
	return phase{name: "idle", reached: func(r *round) func() bool {
		return func() bool {
			select {
			case <-r.ordered:
			default:
				return false
			}
			ended, err := r.meta.ended(context.Background(), r.jobIDs())
			return err == nil && ended
		}
	}}
}

// reachLimit bounds the wait for a phase. A run that is over before its phase
// was seen gets its fault late.
const reachLimit = 30 * time.Second

// reach waits until the round's phase, and notes if that was missed.
func (r *round) reach(ctx context.Context) error {
	reached := r.phase.reached(r)
	over := idle().reached(r)
	look := time.Now()
	for deadline := look.Add(r.bound(reachLimit)); time.Now().Before(deadline) && !reached(); {
		if time.Since(look) > 500*time.Millisecond {
			look = time.Now()
			if over() {
				break
			}
		}
		if err := sleep(ctx, 3*time.Millisecond); err != nil {
			return err
		}
	}
	r.late = r.phase.name != idle().name && over()
	return nil
}

// storedFile is a file in the artifact storage.
type storedFile struct {
	key     string
	size    int64
	growing bool // it has not got its name yet
}

// stored lists the files in the artifact storage. A file that vanishes while
// it is looked at is left out.
func (w *world) stored() ([]storedFile, error) {
	var files []storedFile
	err := filepath.WalkDir(w.artifacts, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (entry.IsDir() || w.disk != nil && path == w.disk.ballast) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key := filepath.ToSlash(strings.TrimPrefix(path, w.artifacts+string(filepath.Separator)))
		files = append(files, storedFile{key: key, size: info.Size(), growing: !strings.HasSuffix(path, ".p7m")})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the artifact storage: %w", err)
	}
	return files, nil
}
