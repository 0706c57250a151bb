package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// manyTenants adds as many tenants as there are tens in manyRows, which have
// a job with a run that waits each, behind the rows of fillUp.
func (w *world) manyTenants(t *testing.T) {
	t.Helper()
	w.fillUp(t)
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, manyRows/10)
	for _, statement := range []string{
		numbers + `INSERT INTO tenants (id, name, source_id, created_at) SELECT 't' || i, 'T' || i, 1000 + i, 1 FROM n`,
		numbers + `INSERT INTO users (id, tenant_id, username, username_lower, password_hash, role, active, created_at)
			SELECT 'u' || i, 't' || i, 'ann', 'ann', 'h', 'viewer', TRUE, 1 FROM n`,
		numbers + `INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, created_at, updated_at)
			SELECT 'j' || i, 't' || i, 'u' || i, j.title, j.title_lower, j.source, j.type, j.spec, 'suspended', 1, 1 FROM n, jobs j WHERE j.id = 'job-0'`,
		numbers + `INSERT INTO runs (id, tenant_id, job_id, owner_id, title, title_lower, source, type, spec, state, triggered_by, scheduled_for, due_at,
				window_frozen, attempt, faults, created_at, updated_at, records, total_records, encoded_bytes, records_per_second, no_data, artifacts, bytes, first_of_job)
			SELECT 'r' || i, 't' || i, 'j' || i, 'u' || i, r.title, r.title_lower, r.source, r.type, r.spec, 'queued', r.triggered_by, r.scheduled_for, r.due_at,
				TRUE, 1, 0, 1, 1, 0, 0, 0, 0, r.no_data, 0, 0, TRUE FROM n, runs r WHERE r.id = 'run-0'`,
		numbers + `INSERT INTO turns (tenant_id, running, due_at, turn)
			SELECT 't' || i, i % 3, CASE i % 5 WHEN 0 THEN NULL ELSE r.due_at END, i FROM n, runs r WHERE r.id = 'run-0'`,
	} {
		noError(t, w.exec(statement))
	}
	if w.st.Dialect() == store.Postgres {
		noError(t, w.exec(`ANALYZE`)) // as its daemon does by itself
	}
}

// TestATurnReadsNoLongList looks for the run whose turn it is among those of many
// tenants, in front of many that have ended: by the indexes of who waits, and
// without reading all tenants, all that waits, or all runs.
func TestATurnReadsNoLongList(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.manyTenants(t)
		noError(t, w.exec(`UPDATE tenants SET max_runs = 5 WHERE id = 'tenant-a'`))
		plans := ""
		read := w.st.Recorded(func(query string, args []any) { plans += explain(t, w, query, args) })
		run := got(read.NextTurn(t.Context(), at(time.Hour)))(t)
		began := time.Now()
		equal(t, "the oldest that waits", run.ID, got(w.st.NextTurn(t.Context(), at(time.Hour)))(t).ID)
		t.Logf("%.2f ms", float64(time.Since(began).Microseconds())/1000)
		equal(t, "the tenant without a turn so far", run.ID, "run-1000")
		for _, index := range []string{"turns_waiting", "runs_first_by_hand"} {
			if !strings.Contains(plans, index) {
				t.Errorf("the plans do not use %s", index)
			}
		}
		for _, bad := range []string{"SCAN runs", "SCAN j", "SCAN r\n", "TEMP B-TREE", "Scan on runs", "Scan on jobs", "Scan on turns l"} {
			if strings.Contains(plans, bad) {
				t.Errorf("the plans have %q", bad)
			}
		}
		if t.Failed() {
			t.Log(plans)
		}
	})
}

// TestAStartReadsNoLongList has a run of one of many tenants begin and end, takes
// what is due, and adds a run. PostgreSQL counts what it reads for that: no table
// is read whole, and few rows are.
func TestAStartReadsNoLongList(t *testing.T) {
	t.Parallel()
	st := openStore(t, newDSN(t, store.Postgres))
	noError(t, st.Migrate(t.Context()))
	w := newWorld(t, st)
	w.manyTenants(t)
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		before := readSince(t, tx, nil)
		run, err := tx.NextTurn(ctx, at(time.Hour))
		noError(t, err)
		mine, err := tx.StartAttempt(ctx, store.Start{RunID: run.ID, Attempt: 1, Node: "n", Window: run.Window, Now: at(time.Hour)})
		noError(t, err)
		equal(t, "begun", mine, true)
		_, err = tx.Finish(ctx, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Hour)})
		noError(t, err)
		jobs, err := tx.TakeDueJobs(ctx, at(2*time.Hour), cdds.Job{}, 10)
		noError(t, err)
		equal(t, "due", len(jobs), 10)
		noError(t, tx.InsertRun(ctx, w.run(jobs[9], "new", now)))
		for table, read := range readSince(t, tx, before) {
			t.Logf("%s: read whole %d times, %d rows by indexes", table, read[0], read[1])
			// The plan by which a key into tenants is checked is older than its rows.
			if read[0] > 0 && table != "tenants" || read[1] > 60 {
				t.Errorf("%s was read whole %d times, and %d rows of it by indexes", table, read[0], read[1])
			}
		}
		return nil
	})
}

// readSince returns how often a transaction's connection has read tables whole,
// and how many of their rows by indexes, beyond what it had before.
func readSince(t *testing.T, tx *store.Tx, before map[string][2]int64) map[string][2]int64 {
	t.Helper()
	rows, err := tx.SQL().QueryContext(t.Context(), `SELECT relname, seq_scan, COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname IN ('runs', 'jobs', 'turns', 'tenants')`)
	noError(t, err)
	defer func() { noError(t, rows.Close()) }()
	read := map[string][2]int64{}
	for rows.Next() {
		var table string
		var whole, fetched int64
		noError(t, rows.Scan(&table, &whole, &fetched))
		read[table] = [2]int64{whole - before[table][0], fetched - before[table][1]}
	}
	noError(t, rows.Err())
	return read
}

// TestWhoStartsByHandGoesFirst has one tenant wait with runs of each kind: those
// that a person has started or retried go first, and a scheduled one after each
// three of them. Between tenants the kind makes no difference.
func TestWhoStartsByHandGoesFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(owner cdds.User, id string, due time.Time, trigger cdds.RunTrigger) {
			run := w.run(w.addJob(t, w.job(owner, "job-"+id)), id, due)
			run.Trigger = trigger
			w.addRun(t, run)
		}
		for i := range 3 {
			add(w.alpha, fmt.Sprint("s", i), at(time.Duration(i)*time.Second), cdds.TriggerSchedule)
		}
		for i := range 6 {
			add(w.alpha, fmt.Sprint("h", i), at(time.Minute+time.Duration(i)*time.Second), []cdds.RunTrigger{cdds.TriggerManual, cdds.TriggerRetry}[i%2])
		}
		for i := range 2 {
			add(w.beta, fmt.Sprint("b", i), at(2*time.Minute+time.Duration(i)*time.Second), cdds.TriggerSchedule)
		}
		when := at(time.Hour)
		var order []string
		for range 11 {
			run := got(w.st.NextTurn(t.Context(), when))(t)
			order = append(order, run.ID)
			equal(t, run.ID+" begins", w.start(t, run, 1), true)
			w.finish(t, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: when})
		}
		equal(t, "order", order, []string{"h0", "b0", "h1", "b1", "h2", "s0", "h3", "h4", "h5", "s1", "s2"})
	})
}

// TestAThousandQueuedRunsStarveNobody has a tenant wait with a thousand runs, and
// then another one with three. Of four workers the other one gets the next two
// that are free, and no more than its half; its last run begins when one of the
// first two has ended.
func TestAThousandQueuedRunsStarveNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 1000 {
			w.queued(t, w.alpha, fmt.Sprint("a", i), at(time.Duration(i)*time.Millisecond))
		}
		when := at(time.Hour)
		begin := func() cdds.Run {
			run := got(w.st.NextTurn(t.Context(), when))(t)
			equal(t, run.ID+" begins", w.start(t, run, 1), true)
			return run
		}
		working := []cdds.Run{begin(), begin(), begin(), begin()}
		for i := range 3 {
			w.queued(t, w.beta, fmt.Sprint("b", i), at(time.Minute))
		}
		var order []string
		for range 5 {
			w.finish(t, store.Outcome{RunID: working[0].ID, Attempt: 1, State: cdds.RunFinished, Now: when})
			working = append(working[1:], begin())
			order = append(order, working[len(working)-1].TenantID)
		}
		equal(t, "who begins", order, []string{"tenant-b", "tenant-b", "tenant-a", "tenant-a", "tenant-b"})
	})
}

// TestARunSaysThatItsTenantIsAtItsLimit looks at what runs say they wait for.
func TestARunSaysThatItsTenantIsAtItsLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, "tenant-a", 1)
		first, second := w.queued(t, w.alpha, "1", now), w.queued(t, w.alpha, "2", now)
		says := func(id string) bool {
			return got(w.st.RunByID(t.Context(), id))(t).Progress.Waiting == "The tenant has as many runs in progress as it may have."
		}
		equal(t, "before", says(second.ID), false)
		w.start(t, first, 1)
		equal(t, "at the limit", says(second.ID), true)
		equal(t, "the one in progress", says(first.ID), false)
		w.finish(t, store.Outcome{RunID: first.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute)})
		equal(t, "after", says(second.ID), false)
	})
}
