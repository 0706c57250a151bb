package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// waiting returns what a run says that it waits for, once it does.
func (c *client) waiting(id string) string {
	c.t.Helper()
	for deadline := time.Now().Add(waitTime); ; time.Sleep(20 * time.Millisecond) {
		var r struct {
			State    string
			Progress struct{ Waiting *string }
		}
		c.ok("GET", "/runs/"+id, nil, &r)
		if r.Progress.Waiting != nil {
			return r.State + ": " + *r.Progress.Waiting
		}
		if time.Now().After(deadline) || r.State == "finished" || r.State == "failed" {
			c.t.Fatalf("run %s is %s and waits for nothing", id, r.State)
		}
	}
}

// TestQuietHoursOfTheService has two runs wait: one is canceled meanwhile, the
// other goes on with the next start, whose hours are others.
func TestQuietHoursOfTheService(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	now := time.Now().UTC()
	until := now.Add(6 * time.Hour).Format("15:04")
	s := serve(t, "--data", data, "--source-quiet", now.Add(-6*time.Hour).Format("15:04")+"-"+until)
	c := s.signIn(t, out.Username, out.Password)
	var unwanted, wanted jobAnswer
	c.ok("POST", "/jobs", jobBody(nil), &unwanted)
	c.ok("POST", "/jobs", jobBody(nil), &wanted)
	for _, job := range []jobAnswer{unwanted, wanted} {
		want := "in_progress: Waiting for the end of the source's quiet hours (" + until + " UTC)."
		if got := c.waiting(job.LatestRun.ID); got != want {
			t.Errorf("the run is %q, want %q", got, want)
		}
	}
	c.ok("POST", "/runs/"+unwanted.LatestRun.ID+"/cancel", nil, nil)
	var r runAnswer
	c.ok("GET", "/runs/"+unwanted.LatestRun.ID, nil, &r)
	if r.State != "canceled" {
		t.Errorf("the canceled run is %s", r.State)
	}
	s.stop()
	c = serve(t, "--data", data, "--source-quiet", until+"-"+now.Add(-6*time.Hour).Format("15:04")).signIn(t, out.Username, out.Password)
	if r := c.await(wanted.LatestRun.ID); r.State != "finished" || r.Progress.Records == 0 {
		t.Errorf("after the quiet hours the run is %s with %d records", r.State, r.Progress.Records)
	}
}

// TestLimitsAreChecked refuses settings that make no sense, and takes those of
// a file.
func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	for _, test := range []struct{ flag, value, says string }{
		{"--source-quiet", "8 to 5", "cannot be read"},
		{"--source-quiet", "00:00-12:00,12:00-24:00", "no time to read"},
		{"--source-quiet", "08:00-18:00 Mars/Base", "time zone"},
		{"--source-rows-per-second", "-1", "makes sense"},
		{"--source-mb-per-second", "-0.5", "makes sense"},
		{"--source-max-lag", "-1s", "makes sense"},
		{"--source-timeout", "1ms", "makes sense"},
		{"--source-connections", "0", "at least one"},
	} {
		_, errs, code := command(t, "", "serve", "--data", data, "--listen", "127.0.0.1:0", test.flag+"="+test.value)
		if code != 2 || !strings.Contains(errs, test.says) || !strings.Contains(errs, "hint:") {
			t.Errorf("%s %s: exit code %d: %s", test.flag, test.value, code, errs)
		}
	}
	config := filepath.Join(t.TempDir(), "cdds.yaml")
	text := "source-quiet: [\"22:00-23:00\", \"08:00-18:00 Europe/Berlin\"]\nsource-rows-per-second: 5000\nsource-mb-per-second: 2.5\nsource-max-lag: 1m\n"
	must(t, os.WriteFile(config, []byte(text), 0o600))
	stdout, _, _ := command(t, "", "doctor", "--data", data, "--config", config)
	want := "ok      source limits: at most 5000 records a second, at most 2.5 MB a second, quiet from 22:00 to 23:00, quiet from 08:00 to 18:00 Europe/Berlin\n"
	if !strings.Contains(stdout, want) {
		t.Errorf("doctor says %s", stdout)
	}
}
