package cdds_test

import (
	"strings"
	"testing"

	"cdds"
)

// FuzzParseArtifactKey: a key that is read is one that ArtifactPrefix began, so
// that a sweep never takes another's file for one of ours.
func FuzzParseArtifactKey(f *testing.F) {
	f.Add("tenants/t1/runs/r1/attempt-1/export-r1.zip.p7m")
	f.Add("tenants/t1/runs/r1/attempt-01/x")
	f.Add("tenants/t1/runs/r1/attempt-+1/x")
	f.Add("tenants//runs//attempt-0/")
	f.Add("tenants/../runs/../attempt-9223372036854775807/../x")
	f.Add("tenants/t1/runs/r1/attempt-99999999999999999999/x")
	f.Fuzz(func(t *testing.T, key string) {
		runID, attempt, ok := cdds.ParseArtifactKey(key)
		if !ok {
			if runID != "" || attempt != 0 {
				t.Fatalf("%q is refused with run %q and attempt %d", key, runID, attempt)
			}
			return
		}
		tenant := strings.Split(key, "/")[1]
		name, found := strings.CutPrefix(key, cdds.ArtifactPrefix(tenant, runID, attempt))
		if !found || tenant == "" || runID == "" || attempt < 1 || name == "" || strings.Contains(name, "/") {
			t.Fatalf("%q was read as run %q, attempt %d", key, runID, attempt)
		}
	})
}
