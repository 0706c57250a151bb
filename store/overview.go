package store

import (
	"context"
	"fmt"
	"time"
)

// dayMicros is a UTC day as instants are stored.
const dayMicros = int64(24 * time.Hour / time.Microsecond)

// RunDay is what a tenant's runs that ended on one UTC day amount to.
type RunDay struct {
	Day       time.Time // its beginning, 00:00 UTC
	Finished  int64
	Failed    int64
	Canceled  int64
	Records   int64         // of the finished runs
	Bytes     int64         // of the artifacts that they made
	MedianRun time.Duration // of the finished runs, from start to end; 0 without one
	P95Run    time.Duration // 95 of 100 finished runs took no longer; 0 without one
}

// RunDays returns a tenant's days since the given instant on which runs ended,
// oldest first. Days without one are left out.
func (r Reader) RunDays(ctx context.Context, tenantID string, since time.Time) ([]RunDay, error) {
	// The median and the 95th percentile are those of the nearest rank: each is
	// the duration of a run that there was.
	query := fmt.Sprintf(`
		SELECT e.day,
			SUM(CASE WHEN e.state = 'finished' THEN 1 ELSE 0 END), SUM(CASE WHEN e.state = 'failed' THEN 1 ELSE 0 END),
			SUM(CASE WHEN e.state = 'canceled' THEN 1 ELSE 0 END),
			CAST(SUM(CASE WHEN e.state = 'finished' THEN e.records ELSE 0 END) AS BIGINT), CAST(SUM(e.bytes) AS BIGINT),
			COALESCE(MIN(CASE WHEN e.state = 'finished' AND e.place * 2 >= e.among THEN e.took END), 0),
			COALESCE(MIN(CASE WHEN e.state = 'finished' AND e.place * 100 >= e.among * 95 THEN e.took END), 0)
		FROM (
			SELECT q.*, ROW_NUMBER() OVER (PARTITION BY q.day, q.state ORDER BY q.took) AS place, COUNT(*) OVER (PARTITION BY q.day, q.state) AS among
			FROM (
				SELECT r.finished_at / %[1]d AS day, r.state, r.records, r.bytes, r.finished_at - r.started_at AS took
				FROM runs r WHERE r.tenant_id = $1 AND COALESCE(r.finished_at, %[2]s) >= $2 AND r.finished_at IS NOT NULL
			) q
		) e GROUP BY e.day ORDER BY e.day`, dayMicros, never)
	return all(ctx, r.from, "sum up the runs by day", scanRunDay, query, tenantID, since.UnixMicro())
}

func scanRunDay(row scanner) (RunDay, error) {
	var d RunDay
	var day, median, p95 int64
	err := row.Scan(&day, &d.Finished, &d.Failed, &d.Canceled, &d.Records, &d.Bytes, &median, &p95)
	d.Day = time.UnixMicro(day * dayMicros).UTC()
	d.MedianRun, d.P95Run = time.Duration(median)*time.Microsecond, time.Duration(p95)*time.Microsecond
	return d, err
}

// StorageUse is what a tenant's artifacts take.
type StorageUse struct {
	Artifacts int64
	Bytes     int64
}

// StorageUse returns what a tenant's artifacts take that have not expired.
func (r Reader) StorageUse(ctx context.Context, tenantID string) (StorageUse, error) {
	return one(ctx, r.from, "storage in use", func(row scanner) (StorageUse, error) {
		var u StorageUse
		err := row.Scan(&u.Artifacts, &u.Bytes)
		return u, err
	}, `SELECT count(*), CAST(COALESCE(SUM(a.size), 0) AS BIGINT) FROM artifacts a WHERE a.tenant_id = $1 AND a.expired_at IS NULL`, tenantID)
}

// CertificateEnd is when the certificate of a user ends.
type CertificateEnd struct {
	UserID   string
	Username string
	Subject  string
	NotAfter time.Time
}

// CertificateEnds returns at most limit certificates of a tenant's active users
// that end before the given instant or have ended, the first to end first.
func (r Reader) CertificateEnds(ctx context.Context, tenantID string, before time.Time, limit int) ([]CertificateEnd, error) {
	return all(ctx, r.from, "look for certificates that end", func(row scanner) (CertificateEnd, error) {
		var e CertificateEnd
		err := row.Scan(&e.UserID, &e.Username, &e.Subject, (*instant)(&e.NotAfter))
		return e, err
	}, `SELECT u.id, u.username, c.subject, c.not_after FROM certificates c JOIN users u ON u.id = c.user_id
		WHERE c.tenant_id = $1 AND u.active AND c.not_after < $2 ORDER BY c.not_after, u.username LIMIT $3`, tenantID, instant(before), limit)
}
