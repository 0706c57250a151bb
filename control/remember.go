package control

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"cdds"
	"cdds/store"
)

// secrets are what a browser is to keep.
type secrets struct{ session, remember string }

func newSecrets() (s secrets, err error) {
	if s.session, err = newSecret(); err != nil {
		return s, err
	}
	s.remember, err = newSecret()
	return s, err
}

// derivedSecrets are the secrets for which another one is exchanged. They come
// from that secret, which only the browser has, and from a salt, which only the
// database has: so the same secrets can be handed out again for a moment though
// they are not kept, and neither a thief of the secret nor a reader of the
// database can make them.
func derivedSecrets(exchanged, salt string) secrets {
	derive := func(purpose string) string {
		mac := hmac.New(sha256.New, []byte(exchanged))
		mac.Write([]byte(purpose + "\x00" + salt))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return secrets{session: derive("session"), remember: derive("remember")}
}

// rememberBrowser remembers a browser by a secret.
func (c *Control) rememberBrowser(ctx context.Context, tx *store.Tx, user cdds.User, from Browser, secret string, now time.Time) (store.RememberedBrowser, error) {
	id, err := newID()
	if err != nil {
		return store.RememberedBrowser{}, err
	}
	browser := store.RememberedBrowser{
		ID: id, UserID: user.ID, CreatedAt: now, UsedAt: now, ExpiresAt: now.Add(c.sessions.Remember), Address: from.Address, Browser: from.name(),
	}
	return browser, tx.InsertRememberedBrowser(ctx, browser, tokenHash(secret))
}

// Resume gives a remembered browser its next session, and the next secret by
// which it is remembered in exchange for the one that it shows. The same secret
// again, within cdds.RememberGrace, gets the same answer. A secret that is shown
// later again was stolen, now or then: the browser is forgotten and its session
// ends. CodeUnauthenticated then, and where the browser is not remembered.
func (c *Control) Resume(ctx context.Context, from Browser, now time.Time) (SignedIn, error) {
	if from.Remembered == "" || c.sessions.Remember == 0 {
		return SignedIn{}, notSignedIn()
	}
	// Most unknown secrets end here, without a transaction.
	_, err := c.store.RememberSecret(ctx, tokenHash(from.Remembered))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return SignedIn{}, notSignedIn()
	}
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	var refusal error
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		in, refusal, err = c.resume(ctx, tx, from, now)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return in, refusal
}

// resume is Resume within its transaction. A refusal is not an error of the
// transaction, since what it does is to last.
func (c *Control) resume(ctx context.Context, tx *store.Tx, from Browser, now time.Time) (in SignedIn, refusal, err error) {
	known, err := tx.RememberSecret(ctx, tokenHash(from.Remembered))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return in, notSignedIn(), nil
	}
	if err != nil {
		return in, nil, err
	}
	browser, err := tx.RememberedBrowser(ctx, known.BrowserID)
	if err != nil {
		return in, nil, err
	}
	user, err := tx.LockUser(ctx, browser.UserID)
	if err != nil {
		return in, nil, err
	}
	if !now.Before(browser.ExpiresAt) || !user.Active {
		return in, notSignedIn(), nil
	}
	switch cdds.UseOfSecret(known.ExchangedAt, now) {
	case cdds.SecretFresh:
		in, err = c.exchange(ctx, tx, user, known, browser, from, now)
		return in, nil, err
	case cdds.SecretRepeated:
		return c.repeat(ctx, tx, user, known, browser, from, now)
	}
	refusal, err = c.forgetStolen(ctx, tx, user, browser, from, now)
	return in, refusal, err
}

// exchange gives the next session and the next secret for one that is fresh.
func (c *Control) exchange(ctx context.Context, tx *store.Tx, user cdds.User, known store.RememberSecret, browser store.RememberedBrowser, from Browser, now time.Time) (SignedIn, error) {
	var err error
	if known.Salt, err = newSecret(); err != nil {
		return SignedIn{}, err
	}
	known.ExchangedAt = now
	next := derivedSecrets(from.Remembered, known.Salt)
	if err := tx.ExchangeSecret(ctx, known, tokenHash(next.remember)); err != nil {
		return SignedIn{}, err
	}
	browser.UsedAt, browser.Address, browser.Browser = now, from.Address, from.name()
	if err := tx.TouchRememberedBrowser(ctx, browser); err != nil {
		return SignedIn{}, err
	}
	return c.insertSession(ctx, tx, user, from, next, browser, recognised{}, now)
}

// repeat gives the same answer again, as long as its session is there.
func (c *Control) repeat(ctx context.Context, tx *store.Tx, user cdds.User, known store.RememberSecret, browser store.RememberedBrowser, from Browser, now time.Time) (in SignedIn, refusal, err error) {
	next := derivedSecrets(from.Remembered, known.Salt)
	session, err := tx.Session(ctx, tokenHash(next.session))
	if cdds.CodeOf(err) == cdds.CodeNotFound || (err == nil && c.hasEnded(session, now)) {
		return in, notSignedIn(), nil
	}
	if err != nil {
		return in, nil, err
	}
	return SignedIn{
		Caller: Caller{User: user, Address: from.Address, SessionID: session.ID}, Secret: next.session, Session: session,
		Remember: next.remember, RememberUntil: browser.ExpiresAt,
	}, nil, nil
}

// forgetStolen forgets a browser whose secret is in two hands.
func (c *Control) forgetStolen(ctx context.Context, tx *store.Tx, user cdds.User, browser store.RememberedBrowser, from Browser, now time.Time) (refusal, err error) {
	if err := tx.ForgetBrowser(ctx, browser.ID); err != nil {
		return nil, err
	}
	by := Caller{User: user, Address: from.Address}
	if err := audit(ctx, tx, by, "session.theft", browser.ID, "An exchanged secret of a remembered browser was shown again: the browser was forgotten and its session ended.", now); err != nil {
		return nil, err
	}
	c.log.Warn("an exchanged secret of a remembered browser was shown again; the browser is forgotten", "user", user.ID, "browser", browser.ID, "address", from.Address)
	return &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "What this browser is remembered by was used before, and may have been copied. All that was signed in by it has ended.",
		Hint: "Sign in again. If you find sign-ins that are not yours, change your password."}, nil
}
