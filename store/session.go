package store

import (
	"context"
	"time"
)

// Session is a sign-in of a user. The secret token itself is not kept.
type Session struct {
	TokenHash string
	UserID    string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
	Remember  bool // it ends at a fixed time instead of by lack of use
	// SingleSignOn says that an identity provider vouched for the user. Such a
	// session ends at a fixed time too, since the provider is not asked again.
	SingleSignOn    bool
	ProviderSession string // the provider's id of its own session, or ""
}

const sessionColumns = `s.token_hash, s.user_id, s.created_at, s.seen_at, s.expires_at, s.remember, s.single_sign_on, s.provider_session`

func scanSession(row scanner) (Session, error) {
	var s Session
	err := row.Scan(&s.TokenHash, &s.UserID, (*instant)(&s.CreatedAt), (*instant)(&s.SeenAt), (*instant)(&s.ExpiresAt), &s.Remember, &s.SingleSignOn, &s.ProviderSession)
	return s, err
}

// Session returns the session of a token's hash, also one that has ended, or
// CodeNotFound.
func (r Reader) Session(ctx context.Context, tokenHash string) (Session, error) {
	return one(ctx, r.from, "session", scanSession, `SELECT `+sessionColumns+` FROM sessions s WHERE s.token_hash = $1`, tokenHash)
}

// InsertSession adds a session.
func (t *Tx) InsertSession(ctx context.Context, s Session) error {
	_, err := exec(ctx, t.tx, "add the session", `
		INSERT INTO sessions (token_hash, tenant_id, user_id, created_at, seen_at, expires_at, remember, single_sign_on, provider_session)
		VALUES ($1, (SELECT tenant_id FROM users WHERE id = $2), $2, $3, $4, $5, $6, $7, $8)`,
		s.TokenHash, s.UserID, instant(s.CreatedAt), instant(s.SeenAt), instant(s.ExpiresAt), s.Remember, s.SingleSignOn, s.ProviderSession)
	return err
}

// TouchSession records that a session was used and when it ends now. One that
// is gone meanwhile stays gone.
func (t *Tx) TouchSession(ctx context.Context, tokenHash string, seenAt, expiresAt time.Time) error {
	_, err := exec(ctx, t.tx, "renew the session", `UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE token_hash = $1`,
		tokenHash, instant(seenAt), instant(expiresAt))
	return err
}

// DeleteSession ends a session; one that is gone already is fine.
func (t *Tx) DeleteSession(ctx context.Context, tokenHash string) error {
	_, err := exec(ctx, t.tx, "end the session", `DELETE FROM sessions WHERE token_hash = $1`, tokenHash)
	return err
}

// DeleteSessionsOf ends all sessions of a user.
func (t *Tx) DeleteSessionsOf(ctx context.Context, userID string) error {
	_, err := exec(ctx, t.tx, "end the user's sessions", `DELETE FROM sessions WHERE user_id = $1`, userID)
	return err
}

// DeleteOldSessions removes the sessions that have ended at now.
func (t *Tx) DeleteOldSessions(ctx context.Context, now time.Time) error {
	_, err := exec(ctx, t.tx, "remove old sessions", `DELETE FROM sessions WHERE expires_at <= $1`, instant(now))
	return err
}
