package store_test

import (
	"encoding/base64"
	"reflect"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// FuzzCursor hands a list any cursor: it is refused as invalid, or the list
// goes on somewhere.
func FuzzCursor(f *testing.F) {
	st, err := store.Open(f.Context(), f.TempDir()+"/cdds.db")
	noError(f, err)
	f.Cleanup(func() { noError(f, st.Close()) })
	noError(f, st.Migrate(f.Context()))
	w := newWorld(f, st)
	for _, id := range []string{"job-1", "job-2", "job-3"} {
		w.addJob(f, w.job(w.alpha, id))
	}
	sorts := []string{"", "title", "-title", "createdAt", "-createdAt", "nextStartsAt"}
	for i, sort := range sorts {
		page, err := st.Jobs(f.Context(), store.JobQuery{TenantID: "tenant-a", Paging: store.Paging{Sort: sort, Limit: 1}})
		noError(f, err)
		f.Add(page.NextCursor, uint8(i))
		f.Add(page.NextCursor, uint8(i+1))
	}
	for _, text := range []string{`{}`, `null`, `{"s":"-createdAt","k":"1e3","i":"x"}`, `{"s":"title","k":"\u0000","i":"'; DROP TABLE jobs; --"}`, `{"s":"createdAt","k":"99999999999999999999"}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(text)), uint8(1))
	}
	f.Add("%%%", uint8(0))
	f.Fuzz(func(t *testing.T, cursor string, which uint8) {
		q := store.JobQuery{TenantID: "tenant-a", Paging: store.Paging{Sort: sorts[int(which)%len(sorts)], Limit: 2, Cursor: cursor}}
		page, err := st.Jobs(t.Context(), q)
		if err != nil {
			wantCode(t, err, cdds.CodeInvalid)
			return
		}
		if len(page.Items) > 2 || page.Total != 3 {
			t.Fatalf("%d of %d jobs on the page", len(page.Items), page.Total)
		}
		if page.NextCursor != "" {
			q.Cursor = page.NextCursor
			_, err := st.Jobs(t.Context(), q)
			noError(t, err)
		}
	})
}

// FuzzSpec reads a job's column: what can be read is written so that it reads
// the same.
func FuzzSpec(f *testing.F) {
	for _, spec := range []cdds.JobSpec{
		{},
		{Title: "A \u2028 job", MediaTypes: []string{}, Schedule: cdds.Schedule{Kind: cdds.Hourly, Every: 4, TimeZone: "Europe/Berlin", RunNow: true}},
		{MediaTypes: []string{"chat", ""}, Schedule: cdds.Schedule{StartAt: now, Weekday: time.Saturday, At: cdds.TimeOfDay{Hour: 23, Minute: 59}},
			Timeframe: cdds.Timeframe{Kind: cdds.FrameFixed, Start: now, End: at(time.Hour), By: cdds.ByModifiedDate}, SplitSize: 1 << 40, SettlingMinutes: 7},
	} {
		text, err := store.WriteSpec(spec)
		noError(f, err)
		f.Add(text)
	}
	f.Add(`{"version": 2}`)
	f.Add(`{"version": 1, "schedule": {"startAt": "9999-12-31T23:59:59.999999999+14:00", "every": 1e3}}`)
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := store.ReadSpec(text)
		if err != nil {
			return
		}
		written, err := store.WriteSpec(spec)
		if err != nil {
			return // such as a year that JSON has no form for; the column then holds something else
		}
		again, err := store.ReadSpec(written)
		noError(t, err)
		if rewritten, err := store.WriteSpec(again); err != nil || rewritten != written || !reflect.DeepEqual(spec.MediaTypes, again.MediaTypes) {
			t.Fatalf("%v: written as\n%s\nand then as\n%s", err, written, rewritten)
		}
	})
}
