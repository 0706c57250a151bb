package store

import (
	"context"
	"time"

	"cdds"
)

// Session is a sign-in of a user. Its secret is not kept.
type Session struct {
	ID           string
	TokenHash    string
	UserID       string
	CreatedAt    time.Time
	SeenAt       time.Time
	ExpiresAt    time.Time
	RememberedID string // the remembered browser that has it; "" for a browser that is not remembered
	Address      string // the client's network address at the sign-in
	Browser      string // by its short name; "" where it is not known
	// SingleSignOn says that an identity provider vouched for the user.
	SingleSignOn    bool
	ProviderSession string // the provider's id of its own session, or ""
}

const sessionColumns = `s.id, s.token_hash, s.user_id, s.created_at, s.seen_at, s.expires_at, s.remembered_id, s.address, s.browser, s.single_sign_on, s.provider_session`

func scanSession(row scanner) (Session, error) {
	var s Session
	err := row.Scan(&s.ID, &s.TokenHash, &s.UserID, (*instant)(&s.CreatedAt), (*instant)(&s.SeenAt), (*instant)(&s.ExpiresAt),
		(*text)(&s.RememberedID), &s.Address, &s.Browser, &s.SingleSignOn, &s.ProviderSession)
	return s, err
}

// Session returns the session of a token's hash, also one that has ended, or
// CodeNotFound.
func (r Reader) Session(ctx context.Context, tokenHash string) (Session, error) {
	return one(ctx, r.from, "session", scanSession, `SELECT `+sessionColumns+` FROM sessions s WHERE s.token_hash = $1`, tokenHash)
}

// SessionByID returns the session of a name, also one that has ended, or
// CodeNotFound.
func (r Reader) SessionByID(ctx context.Context, id string) (Session, error) {
	return one(ctx, r.from, "session", scanSession, `SELECT `+sessionColumns+` FROM sessions s WHERE s.id = $1`, id)
}

// mostPlaces bounds lists of one user's sessions and browsers: a script that
// signs in for each request may leave thousands.
const mostPlaces = 200

// SessionsOf returns the sessions of a user that have not ended at now, the last
// used first, at most 200.
func (r Reader) SessionsOf(ctx context.Context, userID string, now time.Time) ([]Session, error) {
	return all(ctx, r.from, "list the sessions", scanSession,
		`SELECT `+sessionColumns+` FROM sessions s WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.seen_at DESC, s.id LIMIT $3`, userID, instant(now), mostPlaces)
}

// LockUser takes a user's row, so that what changes the user's rights and what
// makes a session of the user happen one after the other, and returns it.
func (t *Tx) LockUser(ctx context.Context, id string) (cdds.User, error) {
	if _, err := exec(ctx, t.tx, "lock the user", `UPDATE users SET active = active WHERE id = $1`, id); err != nil {
		return cdds.User{}, err
	}
	return t.User(ctx, id)
}

// InsertSession adds a session.
func (t *Tx) InsertSession(ctx context.Context, s Session) error {
	_, err := exec(ctx, t.tx, "add the session", `
		INSERT INTO sessions (id, token_hash, tenant_id, user_id, created_at, seen_at, expires_at, remembered_id, address, browser, single_sign_on, provider_session)
		VALUES ($1, $2, (SELECT tenant_id FROM users WHERE id = $3), $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		s.ID, s.TokenHash, s.UserID, instant(s.CreatedAt), instant(s.SeenAt), instant(s.ExpiresAt), text(s.RememberedID), s.Address, s.Browser, s.SingleSignOn, s.ProviderSession)
	return err
}

// TouchSession records that a session was used and when it ends now. One that
// is gone meanwhile stays gone.
func (t *Tx) TouchSession(ctx context.Context, tokenHash string, seenAt, expiresAt time.Time) error {
	_, err := exec(ctx, t.tx, "renew the session", `UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE token_hash = $1`,
		tokenHash, instant(seenAt), instant(expiresAt))
	return err
}

// DeleteSession ends a session by its secret's hash; one that is gone already
// is fine.
func (t *Tx) DeleteSession(ctx context.Context, tokenHash string) error {
	_, err := exec(ctx, t.tx, "end the session", `DELETE FROM sessions WHERE token_hash = $1`, tokenHash)
	return err
}

// EndSession ends a session of a user by its name and forgets the browser that
// has it, which would make another one; or forgets a remembered browser of that
// name with its session. CodeNotFound when the user has neither.
func (t *Tx) EndSession(ctx context.Context, userID, id string) error {
	forgotten, err := exec(ctx, t.tx, "forget the browser", `
		DELETE FROM remembered_browsers WHERE user_id = $2 AND (id = $1 OR id = (SELECT s.remembered_id FROM sessions s WHERE s.id = $1))`, id, userID)
	if err != nil {
		return err
	}
	ended, err := exec(ctx, t.tx, "end the session", `DELETE FROM sessions WHERE id = $1 AND user_id = $2`, id, userID)
	if err == nil && ended+forgotten == 0 {
		return cdds.NotFound("session")
	}
	return err
}

// EndOtherSessions ends the sessions of the session's user and forgets the
// user's browsers, except for the session and its browser. It returns how many
// places were signed out.
func (t *Tx) EndOtherSessions(ctx context.Context, keep Session) (int64, error) {
	forgotten, err := exec(ctx, t.tx, "forget the other browsers", `DELETE FROM remembered_browsers WHERE user_id = $1 AND id <> $2`, keep.UserID, keep.RememberedID)
	if err != nil {
		return 0, err
	}
	ended, err := exec(ctx, t.tx, "end the other sessions", `DELETE FROM sessions WHERE user_id = $1 AND id <> $2`, keep.UserID, keep.ID)
	return ended + forgotten, err
}

// DeleteSessionsOf signs a user out everywhere: it ends all sessions and
// forgets all remembered browsers. Whatever changes a user's rights or password
// calls it in the same transaction.
func (t *Tx) DeleteSessionsOf(ctx context.Context, userID string) error {
	if _, err := exec(ctx, t.tx, "forget the user's browsers", `DELETE FROM remembered_browsers WHERE user_id = $1`, userID); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "end the user's sessions", `DELETE FROM sessions WHERE user_id = $1`, userID)
	return err
}

// DeleteOldSessions removes the sessions and the remembered browsers that have
// ended at now.
func (t *Tx) DeleteOldSessions(ctx context.Context, now time.Time) error {
	if _, err := exec(ctx, t.tx, "remove old browsers", `DELETE FROM remembered_browsers WHERE expires_at <= $1`, instant(now)); err != nil {
		return err
	}
	_, err := exec(ctx, t.tx, "remove old sessions", `DELETE FROM sessions WHERE expires_at <= $1`, instant(now))
	return err
}
