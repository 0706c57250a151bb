package queue

import (
	"context"
	"log/slog"
)

// quiet is a log handler for River: what it reports as information about
// itself is of interest only to those who look for a fault, so it becomes
// debug. Warnings and errors stay.
type quiet struct{ next slog.Handler }

// Enabled reports whether a record of the level would be written.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.next.Enabled(ctx, quieter(level))
}

// Handle writes a record at its lowered level.
func (q quiet) Handle(ctx context.Context, record slog.Record) error {
	record.Level = quieter(record.Level)
	return q.next.Handle(ctx, record)
}

// WithAttrs returns a handler that adds the attributes.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.next.WithAttrs(attrs)} }

// WithGroup returns a handler that opens the group.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.next.WithGroup(name)} }

func quieter(level slog.Level) slog.Level {
	if level < slog.LevelWarn {
		return min(level, slog.LevelDebug)
	}
	return level
}
