package store

import (
	"context"
	"time"

	"cdds"
)

// UserByIdentity returns the user of a subject at an issuer, or CodeNotFound.
func (r Reader) UserByIdentity(ctx context.Context, issuer, subject string) (cdds.User, error) {
	return one(ctx, r.from, "user", scanUser,
		`SELECT `+userColumns+userFrom+`JOIN identities i ON i.user_id = u.id WHERE i.issuer = $1 AND i.subject = $2`, issuer, subject)
}

// InsertIdentity ties a user to a subject at an issuer. CodeConflict when the
// subject has a user already.
func (t *Tx) InsertIdentity(ctx context.Context, user cdds.User, issuer, subject string, now time.Time) error {
	return insert(ctx, t.tx, "add the identity", cdds.Conflict("This account has a user already.", "Sign in again."),
		`INSERT INTO identities (issuer, subject, tenant_id, user_id, created_at) VALUES ($1, $2, $3, $4, $5)`,
		issuer, subject, user.TenantID, user.ID, instant(now))
}

// SignOnSessions returns the sessions that were made by single sign-on at an
// issuer, for a subject and in a session of the provider; "" stands for any.
func (r Reader) SignOnSessions(ctx context.Context, issuer, subject, providerSession string) ([]Session, error) {
	var f filter
	f.and("s.single_sign_on")
	f.equal("i.issuer", issuer)
	f.equal("i.subject", subject)
	f.equal("s.provider_session", providerSession)
	return all(ctx, r.from, "look for the sessions", scanSession,
		`SELECT `+sessionColumns+` FROM sessions s JOIN identities i ON i.user_id = s.user_id`+f.where()+` ORDER BY s.token_hash`, f.args...)
}

// maxAttempts bounds how many attempts are kept. Anybody may begin one, so the
// oldest make room for new ones.
const maxAttempts = 10_000

// InsertSignOnAttempt keeps the address to which an attempt returns until its end.
func (t *Tx) InsertSignOnAttempt(ctx context.Context, keyHash, returnTo string, ends time.Time) error {
	if _, err := exec(ctx, t.tx, "begin a sign-in", `INSERT INTO sign_on_attempts (key_hash, return_to, expires_at) VALUES ($1, $2, $3)`,
		keyHash, returnTo, instant(ends)); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "make room for a sign-in", `
		DELETE FROM sign_on_attempts WHERE key_hash IN (
			SELECT key_hash FROM sign_on_attempts ORDER BY expires_at DESC, key_hash LIMIT 1000 OFFSET $1)`, maxAttempts)
	return err
}

// TakeSignOnAttempt returns the address of an attempt that has not ended, and
// forgets it: the second of two who take it gets CodeNotFound.
func (t *Tx) TakeSignOnAttempt(ctx context.Context, keyHash string, now time.Time) (string, error) {
	return one(ctx, t.tx, "attempt to sign in", value[string],
		`DELETE FROM sign_on_attempts WHERE key_hash = $1 AND expires_at > $2 RETURNING return_to`, keyHash, instant(now))
}

// InsertLogoutToken records that a logout token was used. CodeConflict when it
// was used before.
func (t *Tx) InsertLogoutToken(ctx context.Context, idHash string, ends time.Time) error {
	return insert(ctx, t.tx, "record the logout token", cdds.Conflict("This logout token was used before.", ""),
		`INSERT INTO logout_tokens (id_hash, expires_at) VALUES ($1, $2)`, idHash, instant(ends))
}

// DeleteOldSignOns removes the attempts and the logout tokens that have ended at
// now.
func (t *Tx) DeleteOldSignOns(ctx context.Context, now time.Time) error {
	if _, err := exec(ctx, t.tx, "remove old attempts to sign in", `DELETE FROM sign_on_attempts WHERE expires_at <= $1`, instant(now)); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "remove old logout tokens", `DELETE FROM logout_tokens WHERE expires_at <= $1`, instant(now))
	return err
}
