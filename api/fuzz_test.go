package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"cdds"
)

// decodeJob reads a body as strictly as the API does.
func decodeJob(body []byte) (cdds.JobSpec, error) {
	var wire JobSpec
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return cdds.JobSpec{}, err
	}
	return wire.spec()
}

// FuzzJob: whatever a body holds, it is refused with the fields at fault, or it
// is a job that the rules can work with, whose answer reads as the same job.
func FuzzJob(f *testing.F) {
	const head = `{"title": "A job", "source": "contact_history", "type": "interaction", "mediaTypes": null, `
	for _, rest := range []string{
		`"schedule": {"kind": "once", "startAt": null}, "timeframe": {"kind": "all", "by": "startDate"}, "splitSize": null, "settlingMinutes": 0}`,
		`"schedule": {"kind": "once", "startAt": "2030-01-01T00:00:00.123456789+14:00"}, "timeframe": {"kind": "fixed", "start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}}`,
		`"schedule": {"kind": "hourly", "every": 5, "timeZone": "UTC", "notBefore": "2031-02-03T04:05:06Z"}, "timeframe": {"kind": "hour"}, "splitSize": 1048576}`,
		`"schedule": {"kind": "daily", "every": 31, "at": "23:59", "timeZone": "Europe/Berlin", "runNow": true}, "timeframe": {"kind": "day", "by": "modifiedDate"}}`,
		`"schedule": {"kind": "weekly", "weekday": "tuesday", "at": "02:30", "timeZone": "America/New_York"}, "timeframe": {"kind": "sinceLast", "start": "0001-01-01T00:00:00Z"}}`,
		`"schedule": {"kind": "monthly", "day": 31, "at": "00:00", "timeZone": "Pacific/Apia"}, "timeframe": {"kind": "month"}, "settlingMinutes": 10080}`,
		`"schedule": {"kind": "monthly", "day": 99999999999, "at": "24:00"}, "timeframe": {"kind": "fixed", "start": "9999-12-31T23:59:59Z", "end": "9999-12-31T23:59:59.999999999Z"}}`,
		`"schedule": {"kind": "", "at": "", "timeZone": "../../etc/passwd"}, "timeframe": {"kind": ""}, "splitSize": -1}`,
	} {
		f.Add([]byte(head + rest))
	}
	f.Add([]byte(`{"title": "\u0000 \ud800", "mediaTypes": ["", "chat", "chat"], "type": "contact", "schedule": {"kind": "hourly", "every": -1}}`))
	f.Add([]byte(`null`))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		spec, err := decodeJob(body)
		if err != nil || spec.Validate(now) != nil {
			return
		}
		text, err := EncodeJob(spec)
		if err != nil {
			t.Fatalf("an accepted job has no answer: %v", err)
		}
		again, err := decodeJob(text)
		if err != nil {
			t.Fatalf("the answer is refused: %v\n%s", err, text)
		}
		if want := asAnswered(spec); !reflect.DeepEqual(again, want) {
			t.Fatalf("the answer is another job:\n%+v\n%+v\n%s", again, want, text)
		}
		if err := again.Validate(now); err != nil {
			t.Fatalf("the answer breaks the rules: %v\n%s", err, text)
		}
		first := spec.Schedule.FirstStart(now)
		job := cdds.Job{Spec: spec, FirstStart: first, NextStartsAt: first, State: cdds.JobActive}
		for range 3 { // the occurrences and their windows can be told
			if job.NextStartsAt.IsZero() {
				break
			}
			window := spec.Window(job.NextStartsAt, job.FirstStart, time.Time{})
			if !window.Start.IsZero() && !window.End.IsZero() && window.End.Before(window.Start) {
				t.Fatalf("a window ends before it begins: %+v\n%s", window, text)
			}
			due := job.Due(job.NextStartsAt)
			if !due.Next.IsZero() && !due.Next.After(job.NextStartsAt) {
				t.Fatalf("the occurrence after %s is %s\n%s", job.NextStartsAt, due.Next, text)
			}
			job.NextStartsAt = due.Next
		}
		spec.Tiling()
	})
}

// asAnswered is a job as its answer gives it: with what is understood where the
// body said nothing.
func asAnswered(s cdds.JobSpec) cdds.JobSpec {
	if s.Schedule.Kind != cdds.Once && s.Schedule.TimeZone == "" {
		s.Schedule.TimeZone = "UTC"
	}
	return s
}
