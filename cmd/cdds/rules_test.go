package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestJobRules walks the rules of jobs through the API: one-time jobs, suspend
// and resume, edit, clone and delete.
func TestJobRules(t *testing.T) {
	data, out := demo(t, "--interactions", "200", "--contacts", "50")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)

	t.Run("one-time, at once", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		var job jobAnswer
		c.ok("POST", "/jobs", jobBody(nil), &job)
		if job.State != "suspended" || job.NextStartsAt != nil || job.LatestRun == nil {
			t.Fatalf("born as %+v", job)
		}
		finished(t, c.await(job.LatestRun.ID))
		for _, refused := range []struct{ method, path string }{{"POST", "/resume"}, {"PUT", ""}, {"POST", "/runs"}} {
			p := c.fails(409, refused.method, "/jobs/"+job.ID+refused.path, jobBody(nil))
			if !strings.Contains(p.Hint, "Clone") {
				t.Errorf("%s %s: hint %q", refused.method, refused.path, p.Hint)
			}
		}
	})
	t.Run("one-time, later", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		start := time.Now().UTC().Add(2 * time.Second).Truncate(time.Second).Add(time.Second)
		var job jobAnswer
		c.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "once", "startAt": start.Format(time.RFC3339)}}), &job)
		if job.State != "active" || job.NextStartsAt == nil || !job.NextStartsAt.Equal(start) {
			t.Fatalf("born as %+v", job)
		}
		c.fails(409, "PUT", "/jobs/"+job.ID, jobBody(nil))
		for deadline := time.Now().Add(waitTime); job.State == "active"; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the job did not start")
			}
			c.ok("GET", "/jobs/"+job.ID, nil, &job)
		}
		r := finished(t, c.await(job.LatestRun.ID))
		if !r.ScheduledFor.Equal(start) || !r.Window.End.Equal(start) || job.NextStartsAt != nil {
			t.Fatalf("run %+v of job %+v", r, job)
		}
	})
	t.Run("recurring", func(t *testing.T) {
		c := &client{t, c.base, c.http}
		c.recurring()
	})
}

// recurring walks a recurring job through its life.
func (c *client) recurring() {
	t := c.t
	t.Helper()
	daily := object{"kind": "daily", "every": 1, "at": "02:00"}
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"title": "Nightly", "schedule": daily, "timeframe": object{"kind": "day"}}), &job)
	next := job.NextStartsAt
	if job.State != "active" || next == nil || next.Hour() != 2 || !next.After(time.Now()) {
		t.Fatalf("born as %+v", job)
	}
	c.ok("POST", "/jobs/"+job.ID+"/suspend", nil, &job)
	if job.State != "suspended" || job.NextStartsAt != nil {
		t.Fatalf("suspended as %+v", job)
	}
	c.ok("POST", "/jobs/"+job.ID+"/resume", nil, &job)
	if job.State != "active" || !job.NextStartsAt.Equal(*next) {
		t.Fatalf("resumed as %+v", job)
	}
	// A run keeps the job as it was.
	var r runAnswer
	c.ok("POST", "/jobs/"+job.ID+"/runs", nil, &r)
	finished(t, c.await(r.ID))
	c.ok("PUT", "/jobs/"+job.ID, jobBody(object{"title": "Hourly", "schedule": object{"kind": "hourly", "every": 4}, "timeframe": object{"kind": "sinceLast"}}), &job)
	if job.Title != "Hourly" || job.NextStartsAt.Hour()%4 != 0 || job.NextStartsAt.Minute() != 0 {
		t.Fatalf("edited as %+v", job)
	}
	c.ok("GET", "/runs/"+r.ID, nil, &r)
	var frozen struct{ Title string }
	must(t, json.Unmarshal(r.Job, &frozen))
	if frozen.Title != "Nightly" {
		t.Fatalf("the run's job is called %q", frozen.Title)
	}
	// Deleting keeps the run and its artifact.
	before := len(c.artifacts(r.ID))
	c.ok("DELETE", "/jobs/"+job.ID, nil, nil)
	c.fails(404, "GET", "/jobs/"+job.ID, nil)
	c.ok("GET", "/runs/"+r.ID, nil, &r)
	if !r.JobDeleted || len(c.artifacts(r.ID)) != before {
		t.Fatalf("after deleting the job: %+v", r)
	}
	c.ok("DELETE", "/runs/"+r.ID, nil, nil)
	if n := len(c.artifacts(r.ID)); n != 0 {
		t.Fatalf("%d artifacts of a deleted run", n)
	}
}

// TestDeleteWaitsForRuns holds a run back with a settling delay: the job
// cannot be deleted until the run was canceled.
func TestDeleteWaitsForRuns(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "50", "--contacts", "5")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"settlingMinutes": 60}), &job)
	run := job.LatestRun.ID
	c.fails(409, "DELETE", "/jobs/"+job.ID, nil)
	c.fails(409, "DELETE", "/runs/"+run, nil)
	c.fails(409, "POST", "/runs/"+run+"/retry", nil)
	var r runAnswer
	c.ok("POST", "/runs/"+run+"/cancel", nil, &r)
	if r.State != "canceled" {
		t.Fatalf("canceled as %s", r.State)
	}
	c.fails(409, "POST", "/runs/"+run+"/cancel", nil)
	c.ok("POST", "/runs/"+run+"/retry", nil, &r)
	if r.RetryOf == nil || *r.RetryOf != run || r.State != "queued" {
		t.Fatalf("retried as %+v", r)
	}
	c.ok("POST", "/runs/"+r.ID+"/cancel", nil, nil)
	c.ok("DELETE", "/jobs/"+job.ID, nil, nil)
}

// TestPreview shows what a job would do before it is saved.
func TestPreview(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "300", "--contacts", "50")
	c := serve(t, "--data", data).signIn(t, out.Username, out.Password)
	var p struct {
		NextStarts       []time.Time
		Window           struct{ Start, End *time.Time }
		Tiling           string
		EstimatedRecords *int64
		MediaTypes       []string
	}
	c.ok("POST", "/jobs/preview", jobBody(object{"schedule": object{"kind": "hourly", "every": 5}, "timeframe": object{"kind": "all"}}), &p)
	if len(p.NextStarts) != 5 || p.EstimatedRecords == nil || *p.EstimatedRecords != 300 || len(p.MediaTypes) < 6 || p.Tiling != "overlaps" {
		t.Fatalf("preview %+v", p)
	}
	for _, at := range p.NextStarts {
		if at.Hour()%5 != 0 || at.Minute() != 0 {
			t.Errorf("start at %s", at)
		}
	}
	var jobs list[jobAnswer]
	c.ok("GET", "/jobs", nil, &jobs)
	if jobs.Total != 0 {
		t.Fatal("a preview saved a job")
	}
}
