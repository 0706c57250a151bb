//go:build torture

package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"cdds/source"
)

// These variables name the files that say by how much the clocks of the service
// and of Contact History are moved.
const (
	offsetVariable       = "CDDS_CLOCK_OFFSET_FILE"
	sourceOffsetVariable = "CDDS_SOURCE_CLOCK_OFFSET_FILE"
)

// systemNow is the clock of the machine, moved by the duration in the file that
// CDDS_CLOCK_OFFSET_FILE names. The file is read at each call, so that the
// clock of a running service can be set by writing it. Only the fault campaign
// builds the service with this clock.
func systemNow() time.Time { return moved(time.Now(), offsetVariable) }

// moved is a time moved by the duration in the file that a variable names.
func moved(now time.Time, variable string) time.Time {
	path := os.Getenv(variable)
	if path == "" {
		return now
	}
	text, err := os.ReadFile(path)
	if err != nil {
		slog.Error("the clock's offset cannot be read", "error", err)
		return now
	}
	offset, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		slog.Error("the clock's offset is no duration", "error", err)
		return now
	}
	return now.Add(offset)
}

// sourceClock gives a source a clock that can be moved as well: hours that are
// made to pass must pass for both.
func sourceClock(src source.Source) source.Source { return movedSource{src} }

type movedSource struct{ source.Source }

// Snapshot begins a transaction.
func (m movedSource) Snapshot(ctx context.Context) (source.Snapshot, error) {
	snapshot, err := m.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return movedSnapshot{snapshot}, nil
}

type movedSnapshot struct{ source.Snapshot }

// Time is the source's clock as it is moved now.
func (m movedSnapshot) Time() time.Time { return moved(m.Snapshot.Time(), sourceOffsetVariable) }
