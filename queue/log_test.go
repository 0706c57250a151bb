package queue

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestQuiet(t *testing.T) {
	for _, c := range []struct {
		lowest, level slog.Level
		want          string
	}{
		{slog.LevelInfo, slog.LevelInfo, ""},
		{slog.LevelDebug, slog.LevelInfo, "level=DEBUG"},
		{slog.LevelDebug, slog.LevelDebug, "level=DEBUG"},
		{slog.LevelInfo, slog.LevelWarn, "level=WARN"},
		{slog.LevelInfo, slog.LevelError, "level=ERROR"},
	} {
		var out bytes.Buffer
		log := slog.New(quiet{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: c.lowest})}).With("a", 1).WithGroup("g")
		log.Log(t.Context(), c.level, "hello", "b", 2)
		if got := out.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("level %s at %s: %q", c.level, c.lowest, got)
		}
		if out.Len() > 0 && !strings.Contains(out.String(), "a=1 g.b=2") {
			t.Errorf("attributes are lost: %q", out.String())
		}
	}
}
