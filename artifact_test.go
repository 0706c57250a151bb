package cdds_test

import (
	"strings"
	"testing"
	"time"

	"cdds"
)

func TestArtifactNames(t *testing.T) {
	tests := []struct {
		part       int
		name, text string
	}{
		{0, "export-r1.zip.p7m", "export-r1.zip.smime"},
		{1, "export-r1-0001.zip.p7m", "export-r1-0001.zip.smime"},
		{9999, "export-r1-9999.zip.p7m", "export-r1-9999.zip.smime"},
		{10000, "export-r1-10000.zip.p7m", "export-r1-10000.zip.smime"},
	}
	for _, test := range tests {
		name := cdds.ArtifactName("r1", test.part)
		if text := cdds.TextName(name); name != test.name || text != test.text {
			t.Errorf("part %d: %s and %s, want %s and %s", test.part, name, text, test.name, test.text)
		}
	}
}

func TestRemainingDays(t *testing.T) {
	created := instant(t, "2026-03-01T12:00:00Z")
	artifact := cdds.Artifact{CreatedAt: created, ExpiresAt: created.AddDate(0, 0, 30)}
	tests := []struct {
		after time.Duration
		want  int
	}{
		{0, 30},
		{1, 30},
		{24*time.Hour - 1, 30},
		{24 * time.Hour, 29},
		{29 * 24 * time.Hour, 1},
		{30*24*time.Hour - 1, 1},
		{30 * 24 * time.Hour, 0},
		{31 * 24 * time.Hour, 0},
	}
	for _, test := range tests {
		if got := artifact.RemainingDays(created.Add(test.after)); got != test.want {
			t.Errorf("after %v: %d days, want %d", test.after, got, test.want)
		}
	}
	artifact.ExpiredAt = created.Add(time.Hour) // deleted by hand
	if got := artifact.RemainingDays(created.Add(time.Hour)); got != 0 {
		t.Errorf("deleted: %d days, want 0", got)
	}
}

func TestArtifactKeys(t *testing.T) {
	for _, attempt := range []int{1, 2, 3, 12} {
		key := cdds.ArtifactPrefix("t1", "r1", attempt) + cdds.ArtifactName("r1", 4)
		runID, got, ok := cdds.ParseArtifactKey(key)
		if !ok || runID != "r1" || got != attempt {
			t.Errorf("%s: run %q, attempt %d, %v", key, runID, got, ok)
		}
	}
	if prefix := cdds.ArtifactPrefix("t1", "r1", 2); prefix != "tenants/t1/runs/r1/attempt-2/" {
		t.Errorf("prefix %s", prefix)
	}
	foreign := []string{
		"", "/", "tenants/", "tenants/t1/runs/r1/attempt-1", "tenants/t1/runs/r1/attempt-1/", "tenants/t1/runs/r1/attempt-1/a/b",
		"/tenants/t1/runs/r1/attempt-1/a", "others/t1/runs/r1/attempt-1/a", "tenants/t1/jobs/r1/attempt-1/a",
		"tenants/t1/runs//attempt-1/a", "tenants//runs/r1/attempt-1/a", "tenants/t1/runs/r1/try-1/a", "tenants/t1/runs/r1/attempt-/a",
		"tenants/t1/runs/r1/attempt-0/a", "tenants/t1/runs/r1/attempt--1/a", "tenants/t1/runs/r1/attempt-+1/a",
		"tenants/t1/runs/r1/attempt-01/a", "tenants/t1/runs/r1/attempt-1x/a", "tenants/t1/runs/r1/attempt-99999999999999999999/a",
	}
	for _, key := range foreign {
		if runID, attempt, ok := cdds.ParseArtifactKey(key); ok || runID != "" || attempt != 0 {
			t.Errorf("%q: run %q, attempt %d, %v, want none", key, runID, attempt, ok)
		}
	}
}

func TestRangeKeys(t *testing.T) {
	key := cdds.RangePrefix("t1", "r1", 12, 3) + cdds.ArtifactName("r1", 4)
	if runID, number, attempt, ok := cdds.ParseRangeKey(key); !ok || runID != "r1" || number != 12 || attempt != 3 {
		t.Errorf("%s: run %q, range %d, attempt %d, %v", key, runID, number, attempt, ok)
	}
	if _, _, ok := cdds.ParseArtifactKey(key); ok {
		t.Errorf("%s was taken for that of a run's attempt", key)
	}
	if !strings.HasPrefix(key, cdds.RunPrefix("t1", "r1")) {
		t.Errorf("%s is none of its run", key)
	}
	foreign := []string{
		"", "tenants/t1/runs/r1/range-1-1", "tenants/t1/runs/r1/range-1-1/", "tenants/t1/runs/r1/range-1-1/a/b", "tenants/t1/runs/r1/range-1/a",
		"tenants/t1/runs/r1/range-0-1/a", "tenants/t1/runs/r1/range-1-0/a", "tenants/t1/runs/r1/range-01-1/a", "tenants/t1/runs/r1/range-1-+1/a",
		"tenants/t1/runs/r1/range-1-1-1/a", "tenants/t1/runs/r1/attempt-1/a", "tenants//runs/r1/range-1-1/a", "others/t1/runs/r1/range-1-1/a",
	}
	for _, key := range foreign {
		if runID, number, attempt, ok := cdds.ParseRangeKey(key); ok || runID != "" || number != 0 || attempt != 0 {
			t.Errorf("%q: run %q, range %d, attempt %d, %v, want none", key, runID, number, attempt, ok)
		}
	}
}
