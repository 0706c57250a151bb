package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"cdds"
)

// Whose turn it is. A worker that is free takes a run of the tenant that has the
// fewest in progress and, among these, of the one that has not started a run for
// the longest. So however many runs of one tenant wait, those of another one
// wait for no more than one of them at each worker. Within a tenant, runs that a
// person has started or retried go before scheduled ones, of which one goes
// after each handsInARow of them: who has started very many by hand puts off the
// schedule, and does not end it.
//
// The table turns answers without looking at what waits: it is kept by the
// transactions that start, end and make runs, and that take and end ranges of
// them. All of them lock the job first and
// the tenant's row there last, so that none waits for another in a circle.

// handsInARow is how many runs by hand a tenant starts before a scheduled one
// that waits too.
const handsInARow = 3

// mostPassed bounds how many tenants NextTurn passes that have nothing for it,
// since others work on their jobs at this moment.
const mostPassed = 10

// atLimit is the condition that the tenant of a run has as many runs in
// progress as it may have, those who help with them included.
func atLimit(run string) string {
	return `EXISTS (SELECT 1 FROM tenants b WHERE b.id = ` + run + `.tenant_id AND b.max_runs > 0
		AND b.max_runs <= ` + working("b.id") + `)`
}

// working counts what is at work of a tenant: its runs in progress, and the
// workers who help with ranges of these.
func working(tenant string) string {
	return `((SELECT count(*) FROM runs p WHERE p.tenant_id = ` + tenant + ` AND p.state = 'in_progress')
		+ (SELECT count(*) FROM run_ranges h WHERE h.tenant_id = ` + tenant + ` AND h.state = 'taken' AND h.helper))`
}

// The first runs of jobs, by what has started them: conditions in the words of
// their indexes.
const (
	firstByHand     = `state = 'queued' AND first_of_job AND triggered_by <> 'schedule'`
	firstBySchedule = `state = 'queued' AND first_of_job AND triggered_by = 'schedule'`
)

// standing sets what the rows of the runs say of the tenant $1.
func standing() string {
	return `running = ` + working("$1") + `,
	due_at = CASE WHEN EXISTS (SELECT 1 FROM tenants b WHERE b.id = $1 AND b.max_runs > 0 AND b.max_runs <= ` + working("$1") + `) THEN NULL
		ELSE (SELECT min(f.due_at) FROM (SELECT min(due_at) AS due_at FROM runs WHERE tenant_id = $1 AND ` + firstByHand + `
			UNION ALL SELECT min(due_at) AS due_at FROM runs WHERE tenant_id = $1 AND ` + firstBySchedule + `) f) END`
}

// candidate is a tenant that may have a run to start.
type candidate struct {
	tenantID            string
	running, turn, hand int64
}

func scanCandidate(row scanner) (candidate, error) {
	var c candidate
	err := row.Scan(&c.tenantID, &c.running, &c.turn, &c.hand)
	return c, err
}

// NextTurn returns the queued run that is to start next among those of all
// tenants. CodeNotFound when none may start at now.
func (r Reader) NextTurn(ctx context.Context, now time.Time) (cdds.Run, error) {
	run, _, err := r.nextTurn(ctx, now, candidate{running: -1}, "", "")
	return run, err
}

// NextTurn returns what Reader.NextTurn does, and keeps the run's job and tenant
// for this transaction. What others keep at this moment is passed over, so that
// many workers who ask at once get a run each. It is best asked first in a
// transaction: what changes between the first statement and this one is a
// conflict.
func (t *Tx) NextTurn(ctx context.Context, now time.Time) (cdds.Run, error) {
	after := candidate{running: -1}
	for range mostPassed {
		run, from, err := t.nextTurn(ctx, now, after, t.dialect.passLocked(""), t.dialect.passLocked("j"))
		if cdds.CodeOf(err) != cdds.CodeNotFound {
			t.lockedJob = run.JobID
			return run, err
		}
		if from.tenantID == "" {
			return run, err
		}
		if err := t.stand(ctx, from.tenantID); err != nil { // whatever its row said
			return run, err
		}
		after = from
	}
	return cdds.Run{}, cdds.NotFound("run to start next")
}

// nextTurn looks for the run to start next behind a candidate, and returns the
// one whose turn it would be, also where that has no run.
func (r Reader) nextTurn(ctx context.Context, now time.Time, after candidate, keepTenant, keepJob string) (cdds.Run, candidate, error) {
	found, err := all(ctx, r.from, "look whose turn it is", scanCandidate, `
		SELECT l.tenant_id, l.running, l.turn, l.by_hand FROM turns l
		WHERE l.due_at <= $1 AND (l.running, l.turn, l.tenant_id) > ($2, $3, $4)
		ORDER BY l.running, l.turn, l.tenant_id LIMIT 1 `+keepTenant, instant(now), after.running, after.turn, after.tenantID)
	if err != nil || len(found) == 0 {
		return cdds.Run{}, candidate{}, orNotFound(err, "run to start next")
	}
	next := found[0]
	order := []string{firstByHand, firstBySchedule}
	if next.hand >= handsInARow {
		slices.Reverse(order)
	}
	for _, first := range order {
		runs, err := all(ctx, r.from, "look for the run to start next", scanRun, `
			SELECT `+runColumns+` FROM (SELECT * FROM runs WHERE tenant_id = $1 AND due_at <= $2 AND `+first+`) r JOIN jobs j ON j.id = r.job_id
			ORDER BY r.due_at, r.id LIMIT 1 `+keepJob, next.tenantID, instant(now))
		if err != nil || len(runs) > 0 {
			return append(runs, cdds.Run{})[0], next, err
		}
	}
	return cdds.Run{}, next, cdds.NotFound("run to start next")
}

// orNotFound returns err, or where that is nil that there is no such noun.
func orNotFound(err error, noun string) error {
	if err != nil {
		return err
	}
	return cdds.NotFound(noun)
}

// NextAfter returns the run that the end of one of a job and a tenant lets
// start: the job's next one or, where the tenant has a limit on its runs, the
// oldest that is first of its job. CodeNotFound when there is none.
func (r Reader) NextAfter(ctx context.Context, tenantID, jobID string, now time.Time) (cdds.Run, error) {
	tenant, err := r.Tenant(ctx, tenantID)
	if err != nil {
		return cdds.Run{}, err
	}
	if tenant.Limits.Runs == 0 {
		return r.NextQueuedRun(ctx, jobID, now)
	}
	oldest := func(first string) string {
		return `SELECT * FROM (SELECT id, due_at FROM runs WHERE tenant_id = $1 AND due_at <= $2 AND ` + first + ` ORDER BY due_at, id LIMIT 1) f`
	}
	return one(ctx, r.from, "queued run", scanRun, `
		SELECT `+runColumns+` FROM `+runFrom+` WHERE r.id = (
			SELECT o.id FROM (`+oldest(firstByHand)+` UNION ALL `+oldest(firstBySchedule)+`) o ORDER BY o.due_at, o.id LIMIT 1)`, tenantID, instant(now))
}

// takeTurn puts the tenant of a run that begins an attempt behind all others.
func (t *Tx) takeTurn(ctx context.Context, tenantID, runID string) error {
	return t.setTurn(ctx, tenantID, `
		UPDATE turns SET `+standing()+`, turn = (SELECT max(m.turn) + 1 FROM turns m),
			by_hand = (SELECT CASE WHEN s.attempt > 1 THEN turns.by_hand WHEN s.triggered_by = 'schedule' THEN 0 ELSE turns.by_hand + 1 END FROM runs s WHERE s.id = $2)
		WHERE tenant_id = $1`, tenantID, runID)
}

// takeHelp puts the tenant of a run that somebody helps with behind all others.
func (t *Tx) takeHelp(ctx context.Context, tenantID string) error {
	return t.setTurn(ctx, tenantID, `UPDATE turns SET `+standing()+`, turn = (SELECT max(m.turn) + 1 FROM turns m) WHERE tenant_id = $1`, tenantID)
}

// stand sets what a tenant's row in turns says by the rows of its runs.
func (t *Tx) stand(ctx context.Context, tenantID string) error {
	return t.setTurn(ctx, tenantID, `UPDATE turns SET `+standing()+` WHERE tenant_id = $1`, tenantID)
}

// setTurn changes a tenant's row in turns. One that was added by a node of the
// version before has none yet.
func (t *Tx) setTurn(ctx context.Context, tenantID, query string, args ...any) error {
	n, err := exec(ctx, t.tx, "keep the tenant's turn", query, args...)
	if err != nil || n == 1 {
		return err
	}
	_, err = exec(ctx, t.tx, "give the tenant its turn", `INSERT INTO turns (tenant_id) VALUES ($1)`, tenantID)
	if err == nil {
		_, err = exec(ctx, t.tx, "keep the tenant's turn", query, args...)
	}
	return err
}

// queue has a tenant wait for its turn with a run that is first of its job. The
// row is changed in any case: an end of the tenant's last run that has not seen
// this one is then a conflict, and looks again.
func (t *Tx) queue(ctx context.Context, tenantID string, due instant) error {
	return t.setTurn(ctx, tenantID, `
		UPDATE turns SET due_at = CASE
			WHEN EXISTS (SELECT 1 FROM tenants b WHERE b.id = turns.tenant_id AND b.max_runs > 0 AND b.max_runs <= turns.running) THEN due_at
			WHEN due_at IS NULL OR due_at > $2 THEN $2 ELSE due_at END
		WHERE tenant_id = $1`, tenantID, due)
}

// changed is what a transaction owes the table turns, by tenant. It is paid at
// its end, in the order of the tenants, so that a row there is kept for moments
// only and transactions of many tenants do not wait for each other in a circle.
type changed struct {
	stand map[string]bool      // count again
	queue map[string]time.Time // the first of the runs that were added is due then
}

// owe notes that a tenant's row is to be set by its runs.
func (t *Tx) owe(tenantID string) {
	if t.changed.stand == nil {
		t.changed.stand = map[string]bool{}
	}
	t.changed.stand[tenantID] = true
}

// oweRun is owe for the tenant of a run.
func (t *Tx) oweRun(ctx context.Context, runID string) error {
	tenantID, err := one(ctx, t.tx, "tenant of the run", value[string], `SELECT tenant_id FROM runs WHERE id = $1`, runID)
	if err == nil {
		t.owe(tenantID)
	}
	return err
}

// oweQueue notes that a tenant has one more run that waits for its turn.
func (t *Tx) oweQueue(tenantID string, due time.Time) {
	if t.changed.queue == nil {
		t.changed.queue = map[string]time.Time{}
	}
	if known, has := t.changed.queue[tenantID]; !has || due.Before(known) {
		t.changed.queue[tenantID] = due
	}
}

// payTurns settles what the transaction owes.
func (t *Tx) payTurns(ctx context.Context) error {
	tenants := slices.Concat(slices.Collect(maps.Keys(t.changed.stand)), slices.Collect(maps.Keys(t.changed.queue)))
	slices.Sort(tenants)
	for _, id := range slices.Compact(tenants) {
		var err error
		if t.changed.stand[id] {
			err = t.stand(ctx, id)
		} else {
			err = t.queue(ctx, id, instant(t.changed.queue[id]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
