package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"cdds"
	"cdds/store"
)

// touchEvery is how often the use of a session or a token is written at most.
const touchEvery = time.Minute

// notSignedIn refuses a request that shows no session.
func notSignedIn() error {
	return &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "You are not signed in, or your session has ended.", Hint: "Sign in again."}
}

// hasEnded reports whether a session is over at now. Limits that were shortened
// since it was last used hold at once.
func (c *Control) hasEnded(s store.Session, now time.Time) bool {
	return !now.Before(s.ExpiresAt) || !now.Before(c.ends(s))
}

// ends is when a session ends by today's limits. By single sign-on it is short,
// since the provider is not asked again.
func (c *Control) ends(s store.Session) time.Time {
	limits := c.sessions
	if s.SingleSignOn && c.signOnLimit > 0 {
		limits.Absolute = min(limits.Absolute, c.signOnLimit)
	}
	return limits.Ends(s.CreatedAt, s.SeenAt)
}

// Caller returns who a session token belongs to, and keeps the session alive.
// CodeUnauthenticated when the session is unknown, has ended, or its user was
// deactivated.
func (c *Control) Caller(ctx context.Context, token, address string, now time.Time) (Caller, error) {
	by, session, err := c.peek(ctx, token, address, now)
	if err != nil {
		return Caller{}, err
	}
	if now.Sub(session.SeenAt) < min(touchEvery, c.sessions.Idle/4) {
		return by, nil
	}
	session.SeenAt = now
	return by, c.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.TouchSession(ctx, session.TokenHash, now, c.ends(session))
	})
}

// Onlooker returns who a session token belongs to, as Caller does, without
// keeping the session alive: for what a page asks by itself and nobody has asked
// the page for.
func (c *Control) Onlooker(ctx context.Context, token, address string, now time.Time) (Caller, error) {
	by, _, err := c.peek(ctx, token, address, now)
	return by, err
}

func (c *Control) peek(ctx context.Context, token, address string, now time.Time) (Caller, store.Session, error) {
	if token == "" {
		return Caller{}, store.Session{}, notSignedIn()
	}
	session, err := c.store.Session(ctx, tokenHash(token))
	if cdds.CodeOf(err) == cdds.CodeNotFound || (err == nil && c.hasEnded(session, now)) {
		return Caller{}, store.Session{}, notSignedIn()
	}
	if err != nil {
		return Caller{}, store.Session{}, err
	}
	user, err := c.store.User(ctx, session.UserID)
	if err != nil {
		return Caller{}, store.Session{}, err
	}
	if !user.Active {
		return Caller{}, store.Session{}, notSignedIn()
	}
	return Caller{User: user, Address: address, SessionID: session.ID, SingleSignOn: session.SingleSignOn}, session, nil
}

// StillIn reports whether what a caller came with holds at now: the session or
// the token, and the user's right. It is for answers that last, such as a stream
// of events, which must not outlive them.
func (c *Control) StillIn(ctx context.Context, by Caller, a cdds.Action, now time.Time) (bool, error) {
	user, err := c.store.User(ctx, by.User.ID)
	if err != nil {
		return false, err
	}
	if !user.Active || !user.Role.Can(a) {
		return false, nil
	}
	if by.Token != nil {
		tokens, err := c.store.TokensOf(ctx, user.ID)
		return slices.ContainsFunc(tokens, func(k cdds.Token) bool { return k.ID == by.Token.ID && now.Before(k.ExpiresAt) }), err
	}
	session, err := c.store.SessionByID(ctx, by.SessionID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return false, nil
	}
	return err == nil && !c.hasEnded(session, now), err
}

// SignOut ends the caller's session, forgets the browser that has it, and ends
// what the browser still shows from before.
func (c *Control) SignOut(ctx context.Context, by Caller, from Browser, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := endShown(ctx, tx, from); err != nil {
			return err
		}
		if err := tx.EndSession(ctx, by.User.ID, by.SessionID); err != nil && cdds.CodeOf(err) != cdds.CodeNotFound {
			return err
		}
		return audit(ctx, tx, by, "session.delete", by.SessionID, "", now)
	})
}

// EndSession ends one of the caller's sessions, or forgets one of the caller's
// remembered browsers with its session. CodeNotFound when there is none of that
// name.
func (c *Control) EndSession(ctx context.Context, by Caller, id string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.EndSession(ctx, by.User.ID, id); err != nil {
			return err
		}
		return audit(ctx, tx, by, "session.delete", id, "", now)
	})
}

// EndOtherSessions signs the caller out everywhere else, and returns at how many
// places that was.
func (c *Control) EndOtherSessions(ctx context.Context, by Caller, now time.Time) (int64, error) {
	var ended int64
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		keep, err := tx.SessionByID(ctx, by.SessionID)
		if err != nil {
			return err
		}
		if ended, err = tx.EndOtherSessions(ctx, keep); err != nil {
			return err
		}
		return audit(ctx, tx, by, "session.delete", by.User.ID, "all but the caller's own", now)
	})
	return ended, err
}

// tokenHash is what the database keeps of a secret: whoever reads the table
// cannot sign in with it.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
