package store

import (
	"context"
	"time"
)

// Failures are the failed sign-ins of one subject.
type Failures struct {
	Subject string // a hash
	Count   int
	Last    time.Time
}

func scanFailures(row scanner) (Failures, error) {
	var f Failures
	err := row.Scan(&f.Subject, &f.Count, (*instant)(&f.Last))
	return f, err
}

// SignInFailures returns the failures of those of the subjects that have some.
func (r Reader) SignInFailures(ctx context.Context, subjects []string) ([]Failures, error) {
	var f filter
	f.and("subject IN (" + f.list(subjects) + ")")
	return all(ctx, r.from, "look for failed sign-ins", scanFailures, `SELECT subject, failures, last_at FROM sign_in_failures`+f.where(), f.args...)
}

// AddSignInFailure counts a failure of a subject. Failures from before the given
// instant are forgotten.
func (t *Tx) AddSignInFailure(ctx context.Context, subject string, now, forgotten time.Time) error {
	_, err := exec(ctx, t.tx, "count a failed sign-in", `
		INSERT INTO sign_in_failures (subject, failures, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at,
			failures = CASE WHEN sign_in_failures.last_at < $3 THEN 1 ELSE sign_in_failures.failures + 1 END`,
		subject, instant(now), instant(forgotten))
	return err
}

// ForgetSignInFailures forgets the failures of subjects.
func (t *Tx) ForgetSignInFailures(ctx context.Context, subjects []string) error {
	var f filter
	f.and("subject IN (" + f.list(subjects) + ")")
	_, err := exec(ctx, t.tx, "forget failed sign-ins", `DELETE FROM sign_in_failures`+f.where(), f.args...)
	return err
}

// DeleteOldFailures removes the failures from before an instant.
func (t *Tx) DeleteOldFailures(ctx context.Context, before time.Time) error {
	_, err := exec(ctx, t.tx, "remove old failed sign-ins", `DELETE FROM sign_in_failures WHERE last_at < $1`, instant(before))
	return err
}
