package store_test

import (
	"errors"
	"fmt"
	"testing"

	"cdds"
)

func asError(err error, target **cdds.Error) bool { return errors.As(err, target) }

// TestTheDatabaseRefusesWrongMoves tries every move between two states past
// the store's own conditions.
func TestTheDatabaseRefusesWrongMoves(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		states := []cdds.RunState{cdds.RunQueued, cdds.RunInProgress, cdds.RunFinished, cdds.RunFailed, cdds.RunCanceled}
		for i, from := range states {
			for j, to := range states {
				id := fmt.Sprintf("%d-%d", i, j)
				run := w.run(w.addJob(t, w.job(w.alpha, "job-"+id)), "run-"+id, now)
				run.State = from
				if from.Final() {
					run.FinishedAt = now
				}
				w.addRun(t, run)
				finished := "NULL"
				if to.Final() {
					finished = "1"
				}
				err := w.exec(`UPDATE runs SET state = '`+string(to)+`', finished_at = `+finished+` WHERE id = $1`, run.ID)
				if allowed := from == to || from.CanBecome(to); allowed != (err == nil) {
					t.Errorf("%s to %s: allowed is %t, the database says %v", from, to, allowed, err)
				}
			}
		}
	})
}

func TestTheDatabaseRefusesWrongRows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		w.finishedRun(t, job, "finished")
		w.addRun(t, w.run(job, "queued", now))
		w.start(t, w.addRun(t, w.run(job, "working", now.Add(-1e9))), 1)
		for _, statement := range []string{
			`UPDATE users SET role = 'owner' WHERE id = 'user-a'`,
			`UPDATE jobs SET state = 'paused'`,
			`UPDATE jobs SET type = 'call'`,
			`UPDATE jobs SET owner_id = 'user-b'`,
			`UPDATE jobs SET latest_run_id = 'nothing'`,
			`UPDATE runs SET finished_at = NULL WHERE id = 'finished'`,
			`UPDATE runs SET finished_at = 1 WHERE id = 'queued'`,
			`UPDATE runs SET state = 'canceled' WHERE id = 'queued'`,
			`UPDATE runs SET attempt = 0`,
			`UPDATE runs SET faults = -1`,
			`UPDATE runs SET records = -1`,
			`UPDATE runs SET total_records = -2`,
			`UPDATE runs SET encoded_bytes = -1`,
			`UPDATE runs SET bytes = -1`,
			`UPDATE runs SET artifacts = -1`,
			`UPDATE runs SET triggered_by = 'moon'`,
			`UPDATE runs SET lease_owner = 'n' WHERE id = 'queued'`,
			`UPDATE runs SET failure_code = 'internal' WHERE id = 'finished'`,
			`UPDATE runs SET tenant_id = 'tenant-b'`,
			`UPDATE runs SET state = 'in_progress' WHERE id = 'queued'`,
			`UPDATE attempts SET number = 0`,
			`UPDATE attempts SET tenant_id = 'tenant-b'`,
			`UPDATE artifacts SET size = -1`,
			`UPDATE artifacts SET part = 0`,
			`UPDATE artifacts SET part = 2`,
			`UPDATE artifacts SET tenant_id = 'tenant-b'`,
			`DELETE FROM tenants`,
			`DELETE FROM users`,
			`DELETE FROM jobs`,
			`INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at) VALUES ('nobody', '', '', '', '', '', '', '', 1)`,
		} {
			if err := w.exec(statement); err == nil {
				t.Errorf("the database took: %s", statement)
			}
		}
		equal(t, "runs in progress", len(got(w.st.RunsInProgress(t.Context(), 10))(t)), 1)
	})
}
