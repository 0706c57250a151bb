package cdds

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ArtifactRoot is the prefix of all objects that CDDS keeps in a bucket.
const ArtifactRoot = "tenants/"

// RunPrefix returns the prefix of the objects of all attempts of a run.
func RunPrefix(tenantID, runID string) string {
	return ArtifactRoot + tenantID + "/runs/" + runID + "/"
}

// ArtifactPrefix returns the prefix of the objects of one attempt. The attempt
// is part of it, so that a retry never writes over what a lost worker may
// still be writing.
func ArtifactPrefix(tenantID, runID string, attempt int) string {
	return fmt.Sprintf("%sattempt-%d/", RunPrefix(tenantID, runID), attempt)
}

// RangePrefix returns the prefix of the objects of one attempt of a range of a
// run. Ranges outlive the run's attempts, so these are no part of it.
func RangePrefix(tenantID, runID string, number, attempt int) string {
	return fmt.Sprintf("%srange-%d-%d/", RunPrefix(tenantID, runID), number, attempt)
}

// ParseArtifactKey returns the run and the attempt of an object's key, and
// false for a key that ArtifactPrefix did not begin.
func ParseArtifactKey(key string) (runID string, attempt int, ok bool) {
	tenantID, runID, part, ok := splitKey(key)
	number, found := strings.CutPrefix(part, "attempt-")
	if !ok || !found {
		return "", 0, false
	}
	attempt, err := strconv.Atoi(number)
	if err != nil || attempt < 1 || !strings.HasPrefix(key, ArtifactPrefix(tenantID, runID, attempt)) {
		return "", 0, false
	}
	return runID, attempt, true
}

// ParseRangeKey returns the run, the range and its attempt of an object's key,
// and false for a key that RangePrefix did not begin.
func ParseRangeKey(key string) (runID string, number, attempt int, ok bool) {
	tenantID, runID, part, ok := splitKey(key)
	numbers, found := strings.CutPrefix(part, "range-")
	if !ok || !found {
		return "", 0, 0, false
	}
	first, second, _ := strings.Cut(numbers, "-")
	number, err := strconv.Atoi(first)
	if err == nil {
		attempt, err = strconv.Atoi(second)
	}
	if err != nil || number < 1 || attempt < 1 || !strings.HasPrefix(key, RangePrefix(tenantID, runID, number, attempt)) {
		return "", 0, 0, false
	}
	return runID, number, attempt, true
}

// splitKey returns the tenant and the run of an object's key, and the folder in
// the run's, and false for a key of another form.
func splitKey(key string) (tenantID, runID, folder string, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 6 || parts[0]+"/" != ArtifactRoot || parts[1] == "" || parts[2] != "runs" || parts[3] == "" || parts[5] == "" {
		return "", "", "", false
	}
	return parts[1], parts[3], parts[4], true
}

// DueAt is when the run may start: its scheduled instant and the settling
// delay of its job. A run started by hand waits too, for the same late records.
func (r Run) DueAt() time.Time {
	return r.ScheduledFor.Add(time.Duration(r.Spec.SettlingMinutes) * time.Minute)
}
