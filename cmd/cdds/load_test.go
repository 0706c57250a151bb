package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// load is a house with many tenants whose jobs are all due at one instant, on
// PostgreSQL, with schedulers in processes of their own and workers that claim
// runs and end them at once. Nothing is exported: it is the load of the scheduler,
// the queue and the metadata alone.
type load struct {
	tenants, jobs int // jobs of each tenant
	schedulers    int
	nodes         int // with workers each
	workers       int
	ends          int // runs that the workers end; the others stay queued
	lead          time.Duration
	patience      time.Duration
}

// TestLoadInSmall is the load that make load measures, small enough for every
// day: no occurrence is missed or doubled, and each run begins and ends once.
func TestLoadInSmall(t *testing.T) {
	t.Parallel()
	load{tenants: 40, jobs: 5, schedulers: 2, nodes: 2, workers: 4, ends: 200, lead: 2 * time.Second, patience: 2 * time.Minute}.run(t)
}

// run fills a database, lets all jobs be due, and then lets workers work.
func (l load) run(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	server := servers.Server(t)
	dsn := servers.Database(t)
	commandOK(t, "", "migrate", "--data", data, "--database", dsn)
	st, err := store.Open(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	due := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Second)
	l.fill(t, st, due)

	var stops []func() time.Duration
	for range l.schedulers {
		stops = append(stops, l.scheduler(t, data, dsn))
	}
	due = time.Now().UTC().Add(l.lead).Truncate(time.Microsecond)
	_, err = st.DB().Exec(`UPDATE jobs SET first_start = $1, next_run_at = $1`, due.UnixMicro())
	must(t, err)
	time.Sleep(time.Until(due))
	before := meter(t, st, server.PID())
	l.awaitStarts(t, st, due)
	started := meter(t, st, server.PID())
	l.wantEachOnce(t, st, due)
	t.Logf("start: %d jobs of %d tenants by %d schedulers, %s: %.0f starts/s", l.tenants*l.jobs, l.tenants, l.schedulers, started.since(before), float64(l.tenants*l.jobs)/started.at.Sub(before.at).Seconds())
	logLag(t, st)

	claims := l.work(t, st, dsn)
	ended := meter(t, st, server.PID())
	l.wantEnds(t, st)
	t.Logf("claim and end: %d runs by %d nodes with %d workers, %s: %.0f runs/s; claim p50 %s, p99 %s", l.ends, l.nodes, l.workers,
		ended.since(started), float64(l.ends)/ended.at.Sub(started.at).Seconds(), percentile(claims, 50), percentile(claims, 99))
	for _, stop := range stops {
		t.Logf("a scheduler took %s of CPU", stop().Round(10*time.Millisecond))
	}
}

// fill adds the tenants, with a user and jobs each that are due far ahead.
func (l load) fill(t *testing.T, st *store.Store, due time.Time) {
	t.Helper()
	model := cdds.Job{
		ID: "model", TenantID: "model", OwnerID: "model", State: cdds.JobActive, FirstStart: due, NextStartsAt: due, CreatedAt: due, UpdatedAt: due,
		Spec: cdds.JobSpec{Title: "Nightly", Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction,
			Schedule: cdds.Schedule{Kind: cdds.Weekly, Weekday: due.Weekday()}, Timeframe: cdds.Timeframe{Kind: cdds.FrameWeek}},
	}
	must(t, st.InTx(t.Context(), func(tx *store.Tx) error {
		user := cdds.User{ID: "model", TenantID: "model", TenantName: "Model", Username: "ann", PasswordHash: "none", Role: cdds.RoleAdministrator, Active: true, CreatedAt: due}
		return errors.Join(tx.InsertTenant(t.Context(), cdds.Tenant{ID: "model", Name: "Model", SourceID: 1, CreatedAt: due}), tx.InsertUser(t.Context(), user), tx.InsertJob(t.Context(), model))
	}))
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d), k(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM k WHERE j < %d) `, l.tenants, l.jobs)
	for _, statement := range []string{
		numbers + `INSERT INTO tenants (id, name, source_id, created_at) SELECT 't' || i, 'Tenant ' || i, 1000 + i, 1 FROM n`,
		numbers + `INSERT INTO turns (tenant_id) SELECT 't' || i FROM n`,
		numbers + `INSERT INTO users (id, tenant_id, username, username_lower, password_hash, role, active, created_at) SELECT 'u' || i, 't' || i, 'ann', 'ann', 'none', 'administrator', TRUE, 1 FROM n`,
		// Ids in no order, as those of jobs that people made over the years.
		numbers + `INSERT INTO jobs (id, tenant_id, owner_id, title, title_lower, source, type, spec, state, first_start, next_run_at, created_at, updated_at)
			SELECT md5(i || '-' || j), 't' || i, 'u' || i, m.title, m.title_lower, m.source, m.type, m.spec, m.state, m.first_start, m.next_run_at, m.created_at, m.updated_at
			FROM n, k, jobs m WHERE m.id = 'model'`,
		`DELETE FROM jobs WHERE id = 'model'`,
		`VACUUM ANALYZE`, // as its daemon does by itself
	} {
		_, err := st.DB().ExecContext(t.Context(), statement)
		must(t, err)
	}
}

// scheduler starts a scheduler's node as a process. The function that it
// returns stops it, and tells what CPU time it took.
func (l load) scheduler(t *testing.T, data, dsn string) (stop func() time.Duration) {
	t.Helper()
	cmd := self(t, 0o077, nil, "serve", "--data", data, "--database", dsn, "--role", "scheduler", "--scrub-rate", "0")
	var said strings.Builder
	cmd.Stderr = &said
	must(t, cmd.Start())
	stop = sync.OnceValue(func() time.Duration {
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("a scheduler ended with %v", err)
		}
		spoken.output(t.Name(), said.String())
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	})
	t.Cleanup(func() { stop() })
	return stop
}

// awaitStarts waits until no job is due any more.
func (l load) awaitStarts(t *testing.T, st *store.Store, due time.Time) {
	t.Helper()
	l.await(t, st, 0, `SELECT count(*) FROM jobs WHERE state = 'active' AND deleted_at IS NULL AND next_run_at <= $1`, due.UnixMicro())
}

// await waits until a query counts what is wanted.
func (l load) await(t *testing.T, st *store.Store, want int, query string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(l.patience); ; time.Sleep(100 * time.Millisecond) {
		n := count(t, st, query, args...)
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s there are %d, want %d: %s", l.patience, n, want, query)
		}
	}
}

func count(t *testing.T, st *store.Store, query string, args ...any) (n int) {
	t.Helper()
	must(t, st.DB().QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// wantEachOnce looks for one run of each occurrence, and for one task of each run.
func (l load) wantEachOnce(t *testing.T, st *store.Store, due time.Time) {
	t.Helper()
	for _, c := range []struct {
		what, query string
		args        []any
	}{
		{"runs of the instant", `SELECT count(*) FROM runs WHERE scheduled_for = $1`, []any{due.UnixMicro()}},
		{"jobs with a run of the instant", `SELECT count(DISTINCT job_id) FROM runs WHERE scheduled_for = $1`, []any{due.UnixMicro()}},
		{"runs", `SELECT count(*) FROM runs`, nil},
		{"tasks", `SELECT count(*) FROM river_job WHERE kind = 'run_attempt'`, nil},
		{"runs with a task", `SELECT count(DISTINCT r.id) FROM runs r JOIN river_job q ON q.args ->> 'runId' = r.id`, nil},
	} {
		if n := count(t, st, c.query, c.args...); n != l.tenants*l.jobs {
			t.Errorf("%s: %d, want %d", c.what, n, l.tenants*l.jobs)
		}
	}
}

// logLag prints how long after their instant runs were born.
func logLag(t *testing.T, st *store.Store) {
	t.Helper()
	var p50, p99, most float64
	must(t, st.DB().QueryRowContext(t.Context(), `
		SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY lag), percentile_disc(0.99) WITHIN GROUP (ORDER BY lag), max(lag)
		FROM (SELECT (created_at - due_at) / 1e6 AS lag FROM runs) l`).Scan(&p50, &p99, &most))
	t.Logf("lag: p50 %.1f s, p99 %.1f s, most %.1f s", p50, p99, most)
}

// work lets nodes with workers claim runs and end them, until enough have ended,
// and returns how long each claim took.
func (l load) work(t *testing.T, st *store.Store, dsn string) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var claims []time.Duration
	enough := make(chan struct{})
	ended := 0
	for node := range l.nodes {
		own, err := store.Open(t.Context(), dsn)
		must(t, err)
		var tasks *queue.Queue
		tasks, err = queue.Open(queue.Config{DB: own.DB(), Postgres: true, ListenDSN: dsn, Workers: l.workers, Log: slog.New(slog.DiscardHandler)},
			func(ctx context.Context, _ queue.Task) error {
				began := time.Now()
				run, err := claimNext(ctx, own, fmt.Sprint("node-", node))
				took := time.Since(began)
				if err != nil || run.ID == "" {
					return err
				}
				if err := endNow(ctx, own, tasks, run); err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				claims = append(claims, took)
				if ended++; ended == l.ends {
					close(enough)
				}
				return nil
			})
		must(t, err)
		must(t, tasks.Start(t.Context()))
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), l.patience)
			defer cancel()
			must(t, tasks.Stop(ctx))
			must(t, own.Close())
		}()
	}
	select {
	case <-enough:
	case <-time.After(l.patience):
		t.Fatalf("after %s %d runs have ended", l.patience, count(t, st, `SELECT count(*) FROM runs WHERE state = 'finished'`))
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(claims)
}

// claimNext begins the run whose turn it is, as a worker does; none is no error.
func claimNext(ctx context.Context, st *store.Store, node string) (cdds.Run, error) {
	var claimed cdds.Run
	err := st.InTx(ctx, func(tx *store.Tx) error {
		claimed = cdds.Run{}
		run, err := tx.NextTurn(ctx, utcNow())
		if cdds.CodeOf(err) == cdds.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		mine, err := tx.StartAttempt(ctx, store.Start{RunID: run.ID, Attempt: run.Attempt, Node: node, Window: run.Window, Now: utcNow()})
		if mine {
			claimed = run
		}
		return err
	})
	return claimed, err
}

// endNow ends a run as one without data, and lets the next one of its job follow.
func endNow(ctx context.Context, st *store.Store, tasks *queue.Queue, run cdds.Run) error {
	return st.InTx(ctx, func(tx *store.Tx) error {
		now := utcNow()
		if _, err := tx.Finish(ctx, store.Outcome{RunID: run.ID, Attempt: run.Attempt, State: cdds.RunFinished, NoData: true, Now: now, Manifest: []byte("{}")}); err != nil {
			return err
		}
		next, err := tx.NextAfter(ctx, run.TenantID, run.JobID, now)
		if cdds.CodeOf(err) == cdds.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		return tasks.Enqueue(ctx, tx.SQL(), queue.Task{RunID: next.ID, Attempt: next.Attempt}, now)
	})
}

// wantEnds looks for one attempt of each run that has ended, and for tenants that
// were served evenly.
func (l load) wantEnds(t *testing.T, st *store.Store) {
	t.Helper()
	finished := count(t, st, `SELECT count(*) FROM runs WHERE state = 'finished'`)
	if finished < l.ends {
		t.Errorf("%d runs have ended, want %d", finished, l.ends)
	}
	if n := count(t, st, `SELECT count(*) FROM attempts`); n < finished || n > finished+l.nodes*l.workers {
		t.Errorf("%d attempts of %d runs that have ended", n, finished)
	}
	// Every tenant has had a turn before one has had two more than another: two,
	// since workers that ask at once pass over each other's.
	most := count(t, st, `SELECT max(n) - min(n) FROM (SELECT count(*) FILTER (WHERE state <> 'queued') AS n FROM runs GROUP BY tenant_id) served`)
	if most > 2 {
		t.Errorf("one tenant has begun %d runs more than another", most)
	}
}

// reading is what the database has done so far.
type reading struct {
	at                 time.Time
	cpu                time.Duration
	commits, rollbacks int
}

func (r reading) since(before reading) string {
	return fmt.Sprintf("in %s, with %s of the database's CPU, %d commits and %d rollbacks", r.at.Sub(before.at).Round(10*time.Millisecond),
		(r.cpu - before.cpu).Round(10*time.Millisecond), r.commits-before.commits, r.rollbacks-before.rollbacks)
}

// meter reads the meters of a database and of its server, whose first process is
// named.
func meter(t *testing.T, st *store.Store, pid int) reading {
	t.Helper()
	r := reading{at: time.Now(), cpu: cpuOfServer(t, pid)}
	must(t, st.DB().QueryRowContext(t.Context(), `SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()`).Scan(&r.commits, &r.rollbacks))
	return r
}

// cpuOfServer is the CPU time of a server's first process and its children, those that
// have ended too, from proc(5), whose unit is a hundredth of a second.
func cpuOfServer(t *testing.T, pid int) (used time.Duration) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		own := filepath.Base(filepath.Dir(path)) == strconv.Itoa(pid)
		if !own && fields[1] != strconv.Itoa(pid) {
			continue
		}
		counted := fields[11:13] // user and system
		if own {
			counted = fields[11:15] // and those of children that have ended
		}
		for _, field := range counted {
			n, err := strconv.ParseInt(field, 10, 64)
			must(t, err)
			used += time.Duration(n) * time.Second / 100
		}
	}
	return used
}

func percentile(values []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(time.Microsecond)
}
