package control

import (
	"context"
	"strings"
	"time"

	"cdds"
	"cdds/store"
)

// Browser is what a browser, or another client with cookies, shows of itself.
type Browser struct {
	Address    string // its network address
	UserAgent  string // its User-Agent header
	Session    string // the secret of the session it holds, or ""
	Remembered string // the secret by which it is remembered, or ""
}

// name is the short name that is kept of the browser.
func (b Browser) name() string { return cdds.BrowserName(b.UserAgent) }

// SignedIn is a session with the secrets that its browser is to keep.
type SignedIn struct {
	Caller  Caller
	Secret  string // of the session
	Session store.Session
	// Remember is the secret by which the browser gets its next session, until
	// RememberUntil; "" for a browser that is not remembered.
	Remember      string
	RememberUntil time.Time
}

// BeginSession makes a session for a user who has been recognised, with new
// secrets: the
// session and remembered browser that the client held before are ended, so that
// nobody goes on with a secret from before the sign-in, and a user who was
// deactivated or got another password since user was read is refused with
// CodeUnauthenticated. remember has the browser remembered, where the limits
// allow that.
func (c *Control) BeginSession(ctx context.Context, user cdds.User, from Browser, remember bool, now time.Time) (SignedIn, error) {
	secrets, err := newSecrets()
	if err != nil {
		return SignedIn{}, err
	}
	if !remember || c.sessions.Remember == 0 {
		secrets.remember = ""
	}
	var in SignedIn
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		current, err := tx.LockUser(ctx, user.ID)
		if err != nil {
			return err
		}
		if !current.Active || current.PasswordHash != user.PasswordHash {
			return &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "Your user was changed while you signed in.", Hint: "Sign in again."}
		}
		if err := endShown(ctx, tx, from); err != nil {
			return err
		}
		var browser store.RememberedBrowser
		if secrets.remember != "" {
			if browser, err = c.rememberBrowser(ctx, tx, current, from, secrets.remember, now); err != nil {
				return err
			}
		}
		in, err = c.insertSession(ctx, tx, current, from, secrets, browser, recognised{}, now)
		return err
	})
	return in, err
}

// recognised says who vouches for a user, beside a password; zero: nobody else.
type recognised struct {
	bySignOn        bool
	providerSession string // the provider's id of its own session, or ""
}

// insertSession is where all ways of sign-in end, whatever they recognise users
// by. It adds a session with its line in the audit log. The zero browser
// is one that is not remembered.
func (c *Control) insertSession(ctx context.Context, tx *store.Tx, user cdds.User, from Browser, s secrets, browser store.RememberedBrowser, how recognised, now time.Time) (SignedIn, error) {
	id, err := newID()
	if err != nil {
		return SignedIn{}, err
	}
	session := store.Session{
		ID: id, TokenHash: tokenHash(s.session), UserID: user.ID, CreatedAt: now, SeenAt: now,
		RememberedID: browser.ID, Address: from.Address, Browser: from.name(), SingleSignOn: how.bySignOn, ProviderSession: how.providerSession,
	}
	session.ExpiresAt = c.ends(session)
	if err := tx.InsertSession(ctx, session); err != nil {
		return SignedIn{}, err
	}
	in := SignedIn{
		Caller: Caller{User: user, Address: from.Address, SessionID: session.ID, SingleSignOn: how.bySignOn}, Secret: s.session, Session: session,
		Remember: s.remember, RememberUntil: browser.ExpiresAt,
	}
	detail := session.Browser
	if how.bySignOn {
		detail = strings.TrimSuffix(wayOfSignOn+", "+detail, ", ")
	}
	return in, audit(ctx, tx, in.Caller, "session.create", session.ID, detail, now)
}

// endShown ends what the browser holds from before.
func endShown(ctx context.Context, tx *store.Tx, from Browser) error {
	if from.Session != "" {
		if err := tx.DeleteSession(ctx, tokenHash(from.Session)); err != nil {
			return err
		}
	}
	if from.Remembered == "" {
		return nil
	}
	known, err := tx.RememberSecret(ctx, tokenHash(from.Remembered))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.ForgetBrowser(ctx, known.BrowserID)
}
