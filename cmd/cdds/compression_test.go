package main

import (
	"testing"
)

// TestCompression: the job's choice is in all answers and in the manifest, it
// makes a difference, and openssl and unzip read what each makes.
func TestCompression(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "3000", "--contacts", "50")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	sizes := map[string]int64{}
	for name, changes := range map[string]object{
		"": {}, "fast": {"compression": "fast"}, "default": {"compression": "default"}, "small": {"compression": "small"},
	} {
		run := finished(t, c.export(changes))
		want := name
		if want == "" {
			want = "default"
		}
		type chosen struct{ Compression string }
		var kept struct{ Job chosen }
		c.ok("GET", "/runs/"+run.ID, nil, &kept)
		var account struct{ Job chosen }
		c.ok("GET", "/runs/"+run.ID+"/manifest", nil, &account)
		var job chosen
		c.ok("GET", "/jobs/"+run.JobID, nil, &job)
		if kept.Job.Compression != want || account.Job.Compression != want || job.Compression != want {
			t.Errorf("%q: the job says %q, its run %q, the manifest %q", name, job.Compression, kept.Job.Compression, account.Job.Compression)
		}
		dir := t.TempDir()
		for _, a := range c.artifacts(run.ID) {
			openArtifact(t, c.download(a, "der", dir), out.Key, dir)
			sizes[name] += a.Size
		}
	}
	if sizes["small"] >= sizes["default"] || sizes["default"] >= sizes["fast"] || sizes[""] != sizes["default"] {
		t.Errorf("the sizes are %v", sizes)
	}
}
