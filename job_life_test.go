package cdds_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
)

// newJob makes a job that must be right.
func newJob(t *testing.T, spec cdds.JobSpec, now string) cdds.Job {
	t.Helper()
	job, err := cdds.NewJob("j1", "t1", "u1", spec, instant(t, now))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// wantNext checks a job's state and next start; "" is none.
func wantNext(t *testing.T, job cdds.Job, state cdds.JobState, next string) {
	t.Helper()
	if job.State != state || !job.NextStartsAt.Equal(instant(t, next)) {
		t.Errorf("the job is %s and starts next at %v, want %s and %q", job.State, job.NextStartsAt, state, next)
	}
}

func TestNewJob(t *testing.T) {
	const now = "2026-05-10T12:34:56Z"
	recurring := daily(3, 6, 0, "")
	recurring.RunNow = true
	job := newJob(t, validSpec(recurring), now)
	wantNext(t, job, cdds.JobActive, "2026-05-11T06:00:00Z")
	if job.Spec.Schedule.RunNow || !job.FirstStart.Equal(job.NextStartsAt) {
		t.Errorf("run now %v, first start %v", job.Spec.Schedule.RunNow, job.FirstStart)
	}
	if job.ID != "j1" || job.TenantID != "t1" || job.OwnerID != "u1" || !job.CreatedAt.Equal(instant(t, now)) || !job.DeletedAt.IsZero() {
		t.Errorf("new job %+v", job)
	}

	if bad, err := cdds.NewJob("j1", "t1", "u1", validSpec(hourly(25)), instant(t, now)); err == nil || bad.ID != "" {
		t.Errorf("a job with invalid fields was made: %+v, %v", bad, err)
	}
}

// TestOneTimeJob has the rules of DESIGN 3.1.5.
func TestOneTimeJob(t *testing.T) {
	const created = "2026-05-10T12:34:56Z"
	now := instant(t, created)
	immediate := newJob(t, validSpec(cdds.Schedule{Kind: cdds.Once}), created)
	wantNext(t, immediate, cdds.JobSuspended, "")
	if due := immediate.Due(now.Add(time.Hour)); len(due.Run) != 0 || due.Suspend {
		t.Errorf("the job has run, and is due again: %+v", due)
	}
	_, err := immediate.Resume(now)
	wantConflict(t, "resume after the start", err)
	_, err = immediate.Edit(validSpec(hourly(1)), now)
	wantConflict(t, "edit", err)

	at := "2026-05-11T00:00:00Z"
	later := newJob(t, validSpec(cdds.Schedule{Kind: cdds.Once, StartAt: instant(t, at)}), created)
	wantNext(t, later, cdds.JobActive, at)
	if due := later.Due(instant(t, at).Add(-1)); len(due.Run) != 0 || due.Suspend || !due.Next.Equal(instant(t, at)) {
		t.Errorf("due before its start: %+v", due)
	}
	due := later.Due(instant(t, at).AddDate(0, 2, 0))
	if len(due.Run) != 1 || !due.Run[0].Equal(instant(t, at)) || !due.Suspend || !due.Next.IsZero() || len(due.Missed) != 0 {
		t.Errorf("due %+v, want the one start, and then suspended", due)
	}
	_, err = later.Edit(validSpec(hourly(1)), now)
	wantConflict(t, "edit before the start", err)

	suspended, err := later.Suspend(now)
	if err != nil {
		t.Fatal(err)
	}
	wantNext(t, suspended, cdds.JobSuspended, "")
	resumed, err := suspended.Resume(now)
	if err != nil {
		t.Fatal(err)
	}
	wantNext(t, resumed, cdds.JobActive, at)
	_, err = suspended.Resume(instant(t, at))
	wantConflict(t, "resume at the start", err)
}

func TestEdit(t *testing.T) {
	job := newJob(t, validSpec(daily(3, 6, 0, "")), "2026-05-10T12:00:00Z")
	now := instant(t, "2026-05-12T12:00:00Z")
	edit := func(t *testing.T, job cdds.Job, spec cdds.JobSpec) cdds.Job {
		t.Helper()
		edited, err := job.Edit(spec, now)
		if err != nil {
			t.Fatal(err)
		}
		if !edited.UpdatedAt.Equal(now) || edited.ID != job.ID || !edited.CreatedAt.Equal(job.CreatedAt) {
			t.Errorf("edited job %+v", edited)
		}
		return edited
	}
	t.Run("another title goes on counting days", func(t *testing.T) {
		spec := validSpec(daily(3, 6, 0, ""))
		spec.Title, spec.Schedule.RunNow = "Another", true
		edited := edit(t, job, spec)
		wantNext(t, edited, cdds.JobActive, "2026-05-14T06:00:00Z")
		if edited.Spec.Title != "Another" || edited.Spec.Schedule.RunNow || job.Spec.Title == "Another" {
			t.Errorf("edited job %+v", edited.Spec)
		}
	})
	t.Run("another schedule begins anew", func(t *testing.T) {
		edited := edit(t, job, validSpec(daily(3, 7, 0, "")))
		wantNext(t, edited, cdds.JobActive, "2026-05-13T07:00:00Z")
		if !edited.FirstStart.Equal(edited.NextStartsAt) {
			t.Errorf("first start %v", edited.FirstStart)
		}
	})
	t.Run("a suspended job stays suspended", func(t *testing.T) {
		suspended, err := job.Suspend(now)
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, edit(t, suspended, validSpec(hourly(1))), cdds.JobSuspended, "")
	})
	t.Run("not into a one-time job", func(t *testing.T) {
		edited, err := job.Edit(validSpec(cdds.Schedule{Kind: cdds.Once}), now)
		if got := fieldsOf(t, err); !slices.Equal(got, []string{"schedule.kind"}) || !reflect.DeepEqual(edited, job) {
			t.Errorf("broken fields %q of %+v", got, edited)
		}
	})
	t.Run("not into an invalid one", func(t *testing.T) {
		edited, err := job.Edit(validSpec(hourly(0)), now)
		if got := fieldsOf(t, err); !slices.Equal(got, []string{"schedule.every"}) || !reflect.DeepEqual(edited, job) {
			t.Errorf("broken fields %q of %+v", got, edited)
		}
	})
}

func TestSuspendAndResume(t *testing.T) {
	job := newJob(t, validSpec(hourly(4)), "2026-05-10T12:00:00Z")
	wantNext(t, job, cdds.JobActive, "2026-05-10T16:00:00Z")
	now := instant(t, "2026-05-10T13:00:00Z")
	suspended, err := job.Suspend(now)
	if err != nil {
		t.Fatal(err)
	}
	wantNext(t, suspended, cdds.JobSuspended, "")
	if due := suspended.Due(now.AddDate(1, 0, 0)); len(due.Run)+len(due.Missed) != 0 || !due.Next.IsZero() {
		t.Errorf("due while suspended: %+v", due)
	}
	again, err := suspended.Suspend(now.Add(time.Hour))
	if err != nil || !reflect.DeepEqual(again, suspended) {
		t.Errorf("suspending twice: %+v, %v", again, err)
	}
	resumed, err := suspended.Resume(now.AddDate(0, 0, 2))
	if err != nil {
		t.Fatal(err)
	}
	wantNext(t, resumed, cdds.JobActive, "2026-05-12T16:00:00Z")
	again, err = resumed.Resume(now.AddDate(0, 0, 3))
	if err != nil || !reflect.DeepEqual(again, resumed) {
		t.Errorf("resuming twice: %+v, %v", again, err)
	}
}

func TestDelete(t *testing.T) {
	job := newJob(t, validSpec(hourly(4)), "2026-05-10T12:00:00Z")
	now := instant(t, "2026-05-10T13:00:00Z")
	for _, active := range []int{1, 2} {
		kept, err := job.Delete(active, now)
		wantConflict(t, "delete with active runs", err)
		if !reflect.DeepEqual(kept, job) {
			t.Errorf("refused, and changed: %+v", kept)
		}
	}
	deleted, err := job.Delete(0, now)
	if err != nil {
		t.Fatal(err)
	}
	wantNext(t, deleted, cdds.JobSuspended, "")
	if !deleted.DeletedAt.Equal(now) {
		t.Errorf("deleted at %v, want %v", deleted.DeletedAt, now)
	}
	if due := deleted.Due(now.AddDate(1, 0, 0)); len(due.Run)+len(due.Missed) != 0 {
		t.Errorf("due after its deletion: %+v", due)
	}
}

func TestClone(t *testing.T) {
	spec := validSpec(daily(2, 6, 0, "Europe/Berlin"))
	spec.MediaTypes, spec.SplitSize, spec.Schedule.RunNow = []string{"email"}, 1<<20, true
	clone, want := spec.Clone(), spec
	want.Title, want.Schedule.RunNow = "Copy of Nightly mail", false
	if !reflect.DeepEqual(clone, want) {
		t.Errorf("clone %+v, want %+v", clone, want)
	}
	spec.Title = strings.Repeat("ü", cdds.MaxTitleLength)
	long := spec.Clone()
	if want := "Copy of " + strings.Repeat("ü", cdds.MaxTitleLength-8); long.Title != want {
		t.Errorf("clone's title %q, want %q", long.Title, want)
	}
	past := validSpec(cdds.Schedule{Kind: cdds.Once, StartAt: instant(t, "2020-01-01T00:00:00Z")})
	for _, spec := range []cdds.JobSpec{clone, long, past.Clone()} {
		if err := spec.Validate(validateNow(t)); err != nil {
			t.Errorf("the clone cannot be saved: %v", err)
		}
	}
}

// TestDue: every occurrence of an active job is run or recorded, once.
func TestDue(t *testing.T) {
	const created = "2026-05-10T12:30:00Z"
	since, own := validSpec(hourly(1)), frame(hourly(1), cdds.FrameHour)
	tests := []struct {
		name        string
		spec        cdds.JobSpec
		now         string
		run, missed int
		first, last string // of the occurrences that run
		next        string
	}{
		{"none", own, "2026-05-10T12:59:59.999999999Z", 0, 0, "", "", "2026-05-10T13:00:00Z"},
		{"one", own, "2026-05-10T13:00:00Z", 1, 0, "2026-05-10T13:00:00Z", "2026-05-10T13:00:00Z", "2026-05-10T14:00:00Z"},
		{"many", own, "2026-05-10T17:59:59Z", 5, 0, "2026-05-10T13:00:00Z", "2026-05-10T17:00:00Z", "2026-05-10T18:00:00Z"},
		{"31", own, "2026-05-11T19:00:00Z", 31, 0, "2026-05-10T13:00:00Z", "2026-05-11T19:00:00Z", "2026-05-11T20:00:00Z"},
		{"32", own, "2026-05-11T20:00:00Z", 31, 1, "2026-05-10T14:00:00Z", "2026-05-11T20:00:00Z", "2026-05-11T21:00:00Z"},
		{"a year", own, "2027-05-10T12:00:00Z", 31, 365*24 - 31, "2027-05-09T06:00:00Z", "2027-05-10T12:00:00Z", "2027-05-10T13:00:00Z"},
		{"three years, of which the oldest are forgotten", own, "2029-05-10T12:00:00Z", 31, 10000, "2029-05-09T06:00:00Z", "2029-05-10T12:00:00Z", "2029-05-10T13:00:00Z"},
		{"since last, one", since, "2026-05-10T13:00:00Z", 1, 0, "2026-05-10T13:00:00Z", "2026-05-10T13:00:00Z", "2026-05-10T14:00:00Z"},
		{"since last, many become one", since, "2026-06-10T12:00:00Z", 1, 0, "2026-06-10T12:00:00Z", "2026-06-10T12:00:00Z", "2026-06-10T13:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			job := newJob(t, test.spec, created)
			due := job.Due(instant(t, test.now))
			if len(due.Run) != test.run || len(due.Missed) != test.missed || !due.Next.Equal(instant(t, test.next)) || due.Suspend {
				t.Fatalf("%d to run, %d missed, next %v, suspend %v", len(due.Run), len(due.Missed), due.Next, due.Suspend)
			}
			if test.run > 0 && (!due.Run[0].Equal(instant(t, test.first)) || !due.Run[test.run-1].Equal(instant(t, test.last))) {
				t.Errorf("runs from %v to %v, want %s to %s", due.Run[0], due.Run[test.run-1], test.first, test.last)
			}
			if all := slices.Concat(due.Missed, due.Run); !slices.IsSortedFunc(all, time.Time.Compare) || len(slices.CompactFunc(all, time.Time.Equal)) != test.run+test.missed {
				t.Errorf("occurrences are out of order or come twice: %v", all)
			}
			job.NextStartsAt = due.Next
			if again := job.Due(instant(t, test.now)); len(again.Run)+len(again.Missed) != 0 {
				t.Errorf("due again: %+v", again)
			}
		})
	}
}
