package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "modernc.org/sqlite"             // the driver of SQLite
)

// metadata looks into the service's own tables from outside. It only reads.
type metadata struct{ db *sql.DB }

// openMetadata opens the service's database.
func openMetadata(dsn string) (*metadata, error) {
	driver := "pgx"
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open the metadata: %w", err)
	}
	return &metadata{db: db}, nil
}

func (m *metadata) close() error { return m.db.Close() }

// number returns the one number that a query gives.
func (m *metadata) number(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	if err := m.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("look into the metadata: %w", err)
	}
	return n, nil
}

// among is a list of ids for a query. They are UUIDs that the service has made.
func among(ids []string) string { return "('" + strings.Join(ids, "', '") + "')" }

// ended reports whether all runs of the jobs have ended, of which there are some.
func (m *metadata) ended(ctx context.Context, jobs []string) (bool, error) {
	runs, err := m.number(ctx, "select count(*) from runs where job_id in "+among(jobs))
	if err != nil {
		return false, err
	}
	open, err := m.number(ctx, "select count(*) from runs where finished_at is null and job_id in "+among(jobs))
	return runs > 0 && open == 0, err
}

// faults returns how many faults were counted for the runs of the jobs.
func (m *metadata) faults(ctx context.Context, jobs []string) (int, error) {
	return m.number(ctx, "select coalesce(sum(faults), 0) from runs where job_id in "+among(jobs))
}

// owner returns the node that carries a run out, or "".
func (m *metadata) owner(ctx context.Context) (string, error) {
	var owner sql.NullString
	if err := m.db.QueryRowContext(ctx, "select max(lease_owner) from runs where state = 'in_progress'").Scan(&owner); err != nil {
		return "", fmt.Errorf("look for a worker: %w", err)
	}
	return owner.String, nil
}

// working reports whether a worker still has a task of a run at hand.
func (m *metadata) working(ctx context.Context, run string) (bool, error) {
	n, err := m.number(ctx, "select count(*) from river_job where state = 'running' and args->>'runId' = $1", run)
	return n > 0, err
}

// pending returns how many tasks wait to be worked whose run has ended. A task
// that a killed node had at hand stays in the engine's table as running for a
// day; no worker takes it. One whose time has not come is dropped when it does.
func (m *metadata) pending(ctx context.Context) (int, error) {
	return m.number(ctx, `
		select count(*) from river_job t join runs r on r.id = t.args->>'runId'
		where t.state in ('available', 'retryable', 'pending') and r.finished_at is not null`)
}

// openAttempts returns how many attempts have no end though their run has one.
func (m *metadata) openAttempts(ctx context.Context) (int, error) {
	return m.number(ctx, `
		select count(*) from attempts a join runs r on r.id = a.run_id where a.finished_at is null and r.finished_at is not null`)
}

// artifacts returns the sizes of the stored files that artifacts name, by key.
func (m *metadata) artifacts(ctx context.Context) (map[string]int64, error) {
	rows, err := m.db.QueryContext(ctx, "select key, size from artifacts where expired_at is null")
	if err != nil {
		return nil, fmt.Errorf("list the artifacts: %w", err)
	}
	defer rows.Close()
	all := map[string]int64{}
	for rows.Next() {
		var key string
		var size int64
		if err := rows.Scan(&key, &size); err != nil {
			return nil, fmt.Errorf("list the artifacts: %w", err)
		}
		all[key] = size
	}
	return all, rows.Err()
}
