//go:build torture

package main

import (
	"log/slog"
	"os"
	"strings"
	"time"
)

// offsetVariable names the file that says by how much the clock is moved.
const offsetVariable = "CDDS_CLOCK_OFFSET_FILE"

// systemNow is the clock of the machine, moved by the duration in the file that
// CDDS_CLOCK_OFFSET_FILE names. The file is read at each call, so that the
// clock of a running service can be set by writing it. Only the fault campaign
// builds the service with this clock.
func systemNow() time.Time {
	now := time.Now()
	path := os.Getenv(offsetVariable)
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
