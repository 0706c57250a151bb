package store

import (
	"context"
	"slices"
	"time"

	"cdds"
)

// stuckPages bounds how many pages of runs that wait StuckRuns looks through.
const stuckPages = 10

// notStarted is a run that has been due for a while and is next of its job.
type notStarted struct {
	id, tenantID string
	since        instant // it is due, or was looked at last
}

func scanNotStarted(row scanner) (notStarted, error) {
	var n notStarted
	err := row.Scan(&n.id, &n.tenantID, &n.since)
	return n, err
}

// StuckRuns returns at most limit queued runs of all tenants that have been
// due since before the given instant, were not nudged after it, and have
// nothing to wait for: no other run of their job is in progress or goes first
// at now, and their tenant is not at its limit. Those that were looked at the
// longest ago are among them first.
//
// It asks many small questions in place of one: the planner's statistics, and
// the plans that connections keep, are from before a backlog, and would compare
// all that waits with all jobs and tenants.
func (r Reader) StuckRuns(ctx context.Context, now, before time.Time, limit int) ([]cdds.Run, error) {
	var stuck []cdds.Run
	waits := map[string]bool{}
	last := notStarted{since: instant(time.UnixMicro(0))}
	for range stuckPages {
		page, err := all(ctx, r.from, "look for stuck runs", scanNotStarted, `
			SELECT c.id, c.tenant_id, COALESCE(c.nudged_at, c.due_at) FROM runs c
			WHERE c.state = 'queued' AND c.first_of_job IS NOT FALSE AND COALESCE(c.nudged_at, c.due_at) <= $1 AND (COALESCE(c.nudged_at, c.due_at), c.id) > ($2, $3)
			ORDER BY COALESCE(c.nudged_at, c.due_at), c.id LIMIT $4`, instant(before), last.since, last.id, limit)
		if err != nil {
			return nil, err
		}
		for _, candidate := range page {
			run, err := r.stuck(ctx, candidate, now, waits)
			if err != nil {
				return nil, err
			}
			stuck = append(stuck, run...)
			if len(stuck) == limit {
				break
			}
		}
		if len(page) < limit || len(stuck) == limit {
			break
		}
		last = page[len(page)-1]
	}
	slices.SortFunc(stuck, func(a, b cdds.Run) int { return a.DueAt().Compare(b.DueAt()) })
	return stuck, nil
}

// stuck returns the run, or none where it has something to wait for. What is
// known of tenants is kept in waits: whether they have a run that may start.
func (r Reader) stuck(ctx context.Context, candidate notStarted, now time.Time, waits map[string]bool) ([]cdds.Run, error) {
	may, known := waits[candidate.tenantID]
	if !known {
		found, err := all(ctx, r.from, "look for the tenant's turn", value[bool], `SELECT l.due_at IS NOT NULL FROM turns l WHERE l.tenant_id = $1`, candidate.tenantID)
		if err != nil {
			return nil, err
		}
		may = len(found) == 0 || found[0]
		waits[candidate.tenantID] = may
	}
	if !may {
		return nil, nil
	}
	return all(ctx, r.from, "look for stuck runs", scanRun,
		`SELECT `+runColumns+` FROM `+runFrom+` WHERE r.id = $1 AND r.due_at <= $2 AND NOT `+goesBefore("r", "$2"), candidate.id, instant(now))
}
