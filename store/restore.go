package store

import (
	"context"
	"time"
)

// KeptBefore returns the instant of the latest restore whose files are still
// kept: what was stored before it may belong to runs that the restored metadata
// does not know. The zero time when there is none.
func (r Reader) KeptBefore(ctx context.Context) (time.Time, error) {
	at, err := one(ctx, r.from, "latest restore", value[instant], `SELECT max(r.restored_at) FROM restores r`)
	return time.Time(at), err
}

// InsertRestore records that the metadata was restored from a backup, and until
// when stored files that it does not know are kept.
func (t *Tx) InsertRestore(ctx context.Context, now, keptUntil time.Time) error {
	_, err := exec(ctx, t.tx, "record the restore", `INSERT INTO restores (restored_at, kept_until) VALUES ($1, $2)`, instant(now), instant(keptUntil))
	return err
}

// ForgetRestores ends the keeping of files for the restores whose time is over
// at now, and returns how many there were.
func (t *Tx) ForgetRestores(ctx context.Context, now time.Time) (int64, error) {
	return exec(ctx, t.tx, "forget old restores", `DELETE FROM restores WHERE kept_until <= $1`, instant(now))
}

// ForgetAllRestores ends the keeping of files for all restores, and returns how
// many there were.
func (t *Tx) ForgetAllRestores(ctx context.Context) (int64, error) {
	return exec(ctx, t.tx, "forget the restores", `DELETE FROM restores`)
}

// ForgetTheMoment removes what was true when a backup was made and is not to
// come back with it: sessions and remembered browsers, of which some were ended
// since, and the times at which stored files were last verified.
func (t *Tx) ForgetTheMoment(ctx context.Context) error {
	if _, err := exec(ctx, t.tx, "forget all browsers", `DELETE FROM remembered_browsers`); err != nil {
		return err
	}
	if _, err := exec(ctx, t.tx, "end all sessions", `DELETE FROM sessions`); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "have all artifacts verified again", `UPDATE artifacts SET verified_at = NULL WHERE verified_at IS NOT NULL`)
	return err
}
