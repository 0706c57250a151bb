package store

import (
	"context"
	"time"

	"cdds"
)

// RememberedBrowser is a browser that gets a new session without a password,
// until it expires. It has one session at a time, which ends with it.
type RememberedBrowser struct {
	ID        string
	UserID    string
	CreatedAt time.Time
	UsedAt    time.Time // when it last got a session
	ExpiresAt time.Time
	Address   string // the client's network address at the last use
	Browser   string // by its short name; "" where it is not known
}

// RememberSecret is a secret of a remembered browser: the one that is to be
// shown next, or one that was exchanged for another. The secret itself is not
// kept.
type RememberSecret struct {
	Hash        string
	BrowserID   string
	ExchangedAt time.Time // zero: not yet
	Salt        string    // what the next secrets were made with; "" before the exchange
}

const rememberedColumns = `b.id, b.user_id, b.created_at, b.used_at, b.expires_at, b.address, b.browser`

func scanRemembered(row scanner) (RememberedBrowser, error) {
	var b RememberedBrowser
	err := row.Scan(&b.ID, &b.UserID, (*instant)(&b.CreatedAt), (*instant)(&b.UsedAt), (*instant)(&b.ExpiresAt), &b.Address, &b.Browser)
	return b, err
}

func scanRememberSecret(row scanner) (RememberSecret, error) {
	var s RememberSecret
	err := row.Scan(&s.Hash, &s.BrowserID, (*instant)(&s.ExchangedAt), (*text)(&s.Salt))
	return s, err
}

// RememberedBrowser returns a remembered browser, also one that has expired, or
// CodeNotFound.
func (r Reader) RememberedBrowser(ctx context.Context, id string) (RememberedBrowser, error) {
	return one(ctx, r.from, "remembered browser", scanRemembered, `SELECT `+rememberedColumns+` FROM remembered_browsers b WHERE b.id = $1`, id)
}

// RememberedBrowsersOf returns the browsers of a user that are remembered at
// now, the last used first, at most 200.
func (r Reader) RememberedBrowsersOf(ctx context.Context, userID string, now time.Time) ([]RememberedBrowser, error) {
	return all(ctx, r.from, "list the remembered browsers", scanRemembered,
		`SELECT `+rememberedColumns+` FROM remembered_browsers b WHERE b.user_id = $1 AND b.expires_at > $2 ORDER BY b.used_at DESC, b.id LIMIT $3`, userID, instant(now), mostPlaces)
}

// RememberSecret returns what is known of a secret by its hash, or CodeNotFound.
func (r Reader) RememberSecret(ctx context.Context, hash string) (RememberSecret, error) {
	return one(ctx, r.from, "remembered browser", scanRememberSecret,
		`SELECT c.secret_hash, c.browser_id, c.exchanged_at, c.salt FROM remember_secrets c WHERE c.secret_hash = $1`, hash)
}

// InsertRememberedBrowser adds a browser with the hash of its first secret.
func (t *Tx) InsertRememberedBrowser(ctx context.Context, b RememberedBrowser, secretHash string) error {
	_, err := exec(ctx, t.tx, "remember the browser", `
		INSERT INTO remembered_browsers (id, tenant_id, user_id, created_at, used_at, expires_at, address, browser)
		VALUES ($1, (SELECT tenant_id FROM users WHERE id = $2), $2, $3, $4, $5, $6, $7)`,
		b.ID, b.UserID, instant(b.CreatedAt), instant(b.UsedAt), instant(b.ExpiresAt), b.Address, b.Browser)
	if err != nil {
		return err
	}
	return t.insertRememberSecret(ctx, b.ID, secretHash)
}

func (t *Tx) insertRememberSecret(ctx context.Context, browserID, hash string) error {
	_, err := exec(ctx, t.tx, "keep a browser's secret", `INSERT INTO remember_secrets (secret_hash, browser_id) VALUES ($1, $2)`, hash, browserID)
	return err
}

// ExchangeSecret ends a secret, puts the next one in its place, and ends the
// session that the browser had. CodeConflict when the secret was exchanged
// before.
func (t *Tx) ExchangeSecret(ctx context.Context, old RememberSecret, nextHash string) error {
	n, err := exec(ctx, t.tx, "exchange a browser's secret", `
		UPDATE remember_secrets SET exchanged_at = $2, salt = $3 WHERE secret_hash = $1 AND exchanged_at IS NULL`,
		old.Hash, instant(old.ExchangedAt), text(old.Salt))
	switch {
	case err != nil:
		return err
	case n == 0:
		return cdds.Conflict("The browser's secret was exchanged already.", "Load the page again.")
	}
	if _, err := exec(ctx, t.tx, "end the browser's session", `DELETE FROM sessions WHERE remembered_id = $1`, old.BrowserID); err != nil {
		return err
	}
	return t.insertRememberSecret(ctx, old.BrowserID, nextHash)
}

// TouchRememberedBrowser saves when, from where and by what a remembered browser
// was last used.
func (t *Tx) TouchRememberedBrowser(ctx context.Context, b RememberedBrowser) error {
	_, err := exec(ctx, t.tx, "record the use of a browser", `UPDATE remembered_browsers SET used_at = $2, address = $3, browser = $4 WHERE id = $1`,
		b.ID, instant(b.UsedAt), b.Address, b.Browser)
	return err
}

// ForgetBrowser forgets a remembered browser with all its secrets and its
// session; one that is gone already is fine.
func (t *Tx) ForgetBrowser(ctx context.Context, id string) error {
	_, err := exec(ctx, t.tx, "forget the browser", `DELETE FROM remembered_browsers WHERE id = $1`, id)
	return err
}
