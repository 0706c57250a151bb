package store_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestTenantsHaveSourcesAndLimits(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		// The same number as Alpha's, in another source.
		gamma := cdds.Tenant{ID: "tenant-c", Name: "Gamma", SourceID: 101, Source: "gamma", CreatedAt: now,
			Limits: cdds.TenantLimits{Runs: 3, Storage: 1 << 40, RetentionDays: 7}}
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertTenant(ctx, gamma) })
		equal(t, "as it was added", got(w.st.Tenant(ctx, gamma.ID))(t), gamma)

		gamma.Name, gamma.SourceID, gamma.Source, gamma.Limits = "Gamma Two", 7, "gamma-2", cdds.TenantLimits{}
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateTenant(ctx, gamma) })
		equal(t, "as it was changed", got(w.st.TenantNamed(ctx, "Gamma Two"))(t), gamma)

		update := func(change cdds.Tenant) error {
			return w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateTenant(ctx, change) })
		}
		twin, double, nobody := gamma, gamma, gamma
		twin.Source, twin.SourceID = "", 101 // Alpha's number in Alpha's source
		double.Name = "Beta"
		nobody.ID = "nobody"
		wantCode(t, update(twin), cdds.CodeConflict)
		wantCode(t, update(double), cdds.CodeConflict)
		wantCode(t, update(nobody), cdds.CodeNotFound)
	})
}

// limit bounds the runs that a tenant may have in progress.
func (w *world) limit(t testing.TB, tenantID string, runs int) {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		tenant, err := tx.Tenant(ctx, tenantID)
		if err != nil {
			return err
		}
		tenant.Limits.Runs = runs
		return tx.UpdateTenant(ctx, tenant)
	})
}

// queued adds a job of a user with a run that is due.
func (w *world) queued(t testing.TB, owner cdds.User, id string, due time.Time) cdds.Run {
	t.Helper()
	job := w.addJob(t, w.job(owner, "job-"+id))
	return w.addRun(t, w.run(job, "run-"+id, due))
}

// TestStartsAtOnceKeepToTheLimit starts the runs of eight jobs of a tenant at
// once, of which three may be in progress.
func TestStartsAtOnceKeepToTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, "tenant-a", 3)
		var runs []cdds.Run
		for i := range 8 {
			runs = append(runs, w.queued(t, w.alpha, fmt.Sprint(i), now))
		}
		other := w.queued(t, w.beta, "of-another-tenant", now)
		var begun atomic.Int64
		together(t, len(runs), func(i int) error {
			var mine bool
			err := w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
				mine, err = tx.StartAttempt(ctx, store.Start{RunID: runs[i].ID, Attempt: 1, Node: "n", Window: runs[i].Window, Now: now})
				return err
			})
			if mine {
				begun.Add(1)
			}
			return err
		})
		equal(t, "begun", begun.Load(), 3)
		equal(t, "in use", got(w.st.RunUse(t.Context(), "tenant-a", now))(t), store.RunUse{InProgress: 3, Queued: 5})
		equal(t, "another tenant's begins", w.start(t, other, 1), true)
		// Those that wait for their tenant are not stuck.
		equal(t, "stuck", len(got(w.st.StuckRuns(t.Context(), at(time.Hour), at(time.Minute), 100))(t)), 0)
		w.limit(t, "tenant-a", 4)
		equal(t, "stuck under a higher limit", len(got(w.st.StuckRuns(t.Context(), at(time.Hour), at(time.Minute), 100))(t)), 5)
	})
}

// TestAnAttemptKeepsItsPlace lets a run go on with its next attempt while its
// tenant is at its limit: it is one of those that count.
func TestAnAttemptKeepsItsPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, "tenant-a", 1)
		first, second := w.queued(t, w.alpha, "1", now), w.queued(t, w.alpha, "2", now)
		equal(t, "the first begins", w.start(t, first, 1), true)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NextAttempt(ctx, store.Retry{RunID: first.ID, Attempt: 1, Fault: true, Now: now, LeaseUntil: at(time.Minute)})
			return err
		})
		equal(t, "the second begins", w.start(t, second, 1), false)
		equal(t, "the first goes on", w.start(t, first, 2), true)
	})
}

// TestNoRunIsForgottenAtTheLimit ends a run at the moment at which another one
// of its tenant is not let begin: either that one begins, or the end sees it.
func TestNoRunIsForgottenAtTheLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.limit(t, "tenant-a", 1)
		first := w.queued(t, w.alpha, "first", now)
		w.start(t, first, 1)
		for i := range 20 {
			second := cdds.Run{}
			var mine, seen bool
			job := w.addJob(t, w.job(w.alpha, fmt.Sprint("job-", i)))
			together(t, 2, func(side int) error {
				if side == 0 {
					return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
						if _, err := tx.Finish(ctx, store.Outcome{RunID: first.ID, Attempt: 1, State: cdds.RunFinished, Now: at(time.Minute)}); err != nil {
							return err
						}
						_, err := tx.NextAfter(ctx, "tenant-a", first.JobID, at(time.Minute))
						seen = err == nil
						if cdds.CodeOf(err) == cdds.CodeNotFound {
							return nil
						}
						return err
					})
				}
				second = w.run(job, fmt.Sprint("run-", i), now)
				if err := w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertRun(ctx, second) }); err != nil {
					return err
				}
				return w.tryTx(func(ctx context.Context, tx *store.Tx) (err error) {
					mine, err = tx.StartAttempt(ctx, store.Start{RunID: second.ID, Attempt: 1, Node: "n", Window: second.Window, Now: at(time.Minute)})
					return err
				})
			})
			if !mine && !seen {
				t.Fatal("the run was not let begin, and the end of the other one did not see it")
			}
			if !mine {
				equal(t, "it begins now", w.start(t, second, 1), true)
			}
			first = second
		}
	})
}

// TestTenantsTakeTurns has two tenants with many runs and one with few wait for
// one worker: each turn is that of the tenant that has waited longest, and
// within a tenant the oldest run goes first.
func TestTenantsTakeTurns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 4 {
			w.queued(t, w.alpha, fmt.Sprint("a", i), at(time.Duration(i)*time.Second))
		}
		for i := range 2 {
			w.queued(t, w.beta, fmt.Sprint("b", i), at(time.Minute+time.Duration(i)*time.Second))
		}
		when := at(time.Hour)
		var order []string
		for range 6 {
			run := got(w.st.NextTurn(t.Context(), when))(t)
			order = append(order, run.ID)
			equal(t, run.ID+" begins", w.start(t, run, 1), true)
			w.finish(t, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: when})
		}
		equal(t, "order", order, []string{"run-a0", "run-b0", "run-a1", "run-b1", "run-a2", "run-a3"})
		_, err := w.st.NextTurn(t.Context(), when)
		wantCode(t, err, cdds.CodeNotFound)
	})
}

// TestTheTenantWithFewerRunsGoesFirst gives the turn by what is in progress
// before it goes by who has waited, and to nobody who is at the limit.
func TestTheTenantWithFewerRunsGoesFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.queued(t, w.alpha, fmt.Sprint("a", i), now)
		}
		w.start(t, w.queued(t, w.beta, "b0", now), 1)
		w.queued(t, w.beta, "b1", now)
		next := func() string { return got(w.st.NextTurn(t.Context(), now))(t).ID }
		equal(t, "first", next(), "run-a0")
		w.start(t, got(w.st.RunByID(t.Context(), "run-a0"))(t), 1)
		equal(t, "at one each, who has waited longer", next(), "run-b1")
		w.limit(t, "tenant-b", 1)
		equal(t, "not who is at the limit", next(), "run-a1")
		w.limit(t, "tenant-a", 1)
		_, err := w.st.NextTurn(t.Context(), now)
		wantCode(t, err, cdds.CodeNotFound)
	})
}

// TestTenantsSurviveTheMigration migrates a database of the version before
// tenants had sources: its rows and what points to them stay.
func TestTenantsSurviveTheMigration(t *testing.T) {
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			st := openStore(t, newDSN(t, kind))
			noError(t, st.MigrateTo(t.Context(), 9))
			w := &world{st: st}
			for _, statement := range []string{
				`INSERT INTO tenants (id, name, source_id, created_at) VALUES ('t', 'Alpha', 101, 1)`,
				`INSERT INTO users (id, tenant_id, username, password_hash, role, active, created_at) VALUES ('u', 't', 'ann', 'h', 'viewer', TRUE, 1)`,
				`INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at) VALUES ('t', 'u', 'ann', 'a', '', '', '', '', 1)`,
			} {
				noError(t, w.exec(statement))
			}
			noError(t, st.Migrate(t.Context()))
			equal(t, "tenant", got(st.Tenant(t.Context(), "t"))(t), cdds.Tenant{ID: "t", Name: "Alpha", SourceID: 101, CreatedAt: time.UnixMicro(1).UTC()})
			equal(t, "user's tenant", got(st.User(t.Context(), "u"))(t).TenantName, "Alpha")
			if err := w.exec(`DELETE FROM tenants`); err == nil {
				t.Fatal("a tenant with users could be deleted: nothing points to the new table")
			}
			if err := w.exec(`INSERT INTO users (id, tenant_id, username, password_hash, role, active, created_at) VALUES ('v', 'x', 'bob', 'h', 'viewer', TRUE, 1)`); err == nil {
				t.Fatal("a user without a tenant could be added")
			}
		})
	}
}
