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

// ParseArtifactKey returns the run and the attempt of an object's key, and
// false for a key that ArtifactPrefix did not begin.
func ParseArtifactKey(key string) (runID string, attempt int, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 6 || parts[0]+"/" != ArtifactRoot || parts[1] == "" || parts[2] != "runs" || parts[3] == "" || parts[5] == "" {
		return "", 0, false
	}
	number, found := strings.CutPrefix(parts[4], "attempt-")
	if !found {
		return "", 0, false
	}
	attempt, err := strconv.Atoi(number)
	if err != nil || attempt < 1 || !strings.HasPrefix(key, ArtifactPrefix(parts[1], parts[3], attempt)) {
		return "", 0, false
	}
	return parts[3], attempt, true
}

// DueAt is when the run may start: its scheduled instant and the settling
// delay of its job. A run started by hand waits too, for the same late records.
func (r Run) DueAt() time.Time {
	return r.ScheduledFor.Add(time.Duration(r.Spec.SettlingMinutes) * time.Minute)
}
