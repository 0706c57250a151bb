package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cdds"
	"cdds/store"
)

const (
	// wayOfSignOn is how the audit log names single sign-on.
	wayOfSignOn = "single sign-on"
	// SignOnAttempt is how long somebody may take at the identity provider.
	SignOnAttempt = 10 * time.Minute
	// logoutKept is how long the id of a logout token is kept: longer than an
	// older token is taken at all.
	logoutKept = time.Hour
)

// BeginSignOn begins a sign-in by single sign-on that is to lead to returnTo,
// and returns its secret, which is for the browser alone.
func (c *Control) BeginSignOn(ctx context.Context, returnTo string, now time.Time) (string, error) {
	secret, err := newSecret()
	if err != nil {
		return "", err
	}
	return secret, c.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.InsertSignOnAttempt(ctx, tokenHash(secret), cdds.ReturnPath(returnTo), now.Add(SignOnAttempt))
	})
}

// TakeSignOn ends an attempt and returns where it leads to, "" for nowhere in
// particular. It works once, and within ten minutes.
func (c *Control) TakeSignOn(ctx context.Context, secret string, now time.Time) (returnTo string, err error) {
	err = c.store.InTx(ctx, func(tx *store.Tx) (err error) {
		returnTo, err = tx.TakeSignOnAttempt(ctx, tokenHash(secret), now)
		return err
	})
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return "", cdds.RefuseSignOn(cdds.RefusedAttempt, errors.New("the attempt is over or unknown"))
	}
	return returnTo, err
}

// SignOn gives a session to somebody whom the identity provider vouches for. Such
// a session is short, and its browser is not remembered. The user is made at the first time and found by
// issuer and subject ever after; the role is the claims' at each time. A
// SignOnRefusal in the error says why somebody gets none.
func (c *Control) SignOn(ctx context.Context, who cdds.Identity, from Browser, now time.Time) (SignedIn, error) {
	in, err := c.signOn(ctx, who, from, now)
	if cdds.CodeOf(err) == cdds.CodeConflict {
		// The same person in another window may have been first. If not, then
		// somebody else has the name, and has it now too.
		in, err = c.signOn(ctx, who, from, now)
	}
	if cdds.CodeOf(err) == cdds.CodeConflict {
		err = cdds.RefuseSignOn(cdds.RefusedName, nil)
	}
	var reason cdds.SignOnRefusal
	if errors.As(err, &reason) {
		c.probe.SignInRefused("single_sign_on")
		by := in.Caller
		by.Address = from.Address
		c.Refused(Refusal{By: by, Action: "session.create", Object: by.User.ID, Reason: wayOfSignOn + ": " + string(reason)}, now)
	}
	return in, err
}

// signOn is one try. With an error the user is as far known as the audit log
// needs.
func (c *Control) signOn(ctx context.Context, who cdds.Identity, from Browser, now time.Time) (SignedIn, error) {
	secrets, err := newSecrets()
	if err != nil {
		return SignedIn{}, err
	}
	secrets.remember = ""
	var in SignedIn
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		in = SignedIn{}
		tenant, err := tx.TenantNamed(ctx, who.Tenant)
		if cdds.CodeOf(err) == cdds.CodeNotFound {
			return cdds.RefuseSignOn(cdds.RefusedTenant, fmt.Errorf("there is no tenant %q", who.Tenant))
		}
		if err != nil {
			return err
		}
		if in.Caller.User, err = identified(ctx, tx, who, tenant, from.Address, now); err != nil {
			return err
		}
		user, err := tx.LockUser(ctx, in.Caller.User.ID)
		if err != nil {
			return err
		}
		if err := endShown(ctx, tx, from); err != nil {
			return err
		}
		in, err = c.insertSession(ctx, tx, user, from, secrets, store.RememberedBrowser{}, recognised{true, who.ProviderSession}, now)
		return err
	})
	return in, err
}

// identified returns the active user of an identity, made where it is new, with
// the role that the claims give.
func identified(ctx context.Context, tx *store.Tx, who cdds.Identity, tenant cdds.Tenant, address string, now time.Time) (cdds.User, error) {
	user, err := tx.UserByIdentity(ctx, who.Issuer, who.Subject)
	switch {
	case cdds.CodeOf(err) == cdds.CodeNotFound:
		return addIdentified(ctx, tx, who, tenant, address, now)
	case err != nil:
		return user, err
	case user.TenantID != tenant.ID:
		return user, cdds.RefuseSignOn(cdds.RefusedMoved, nil)
	case !user.Active:
		return user, cdds.RefuseSignOn(cdds.RefusedInactive, nil)
	case who.KeepRole || user.Role == who.Role:
		return user, nil
	}
	user.Role = who.Role
	if err := tx.UpdateUser(ctx, user); err != nil {
		return user, err
	}
	return user, audit(ctx, tx, Caller{User: user, Address: address}, "user.role", user.ID, wayOfSignOn+": "+string(user.Role), now)
}

// addIdentified makes the user of a new identity. It has no password, so nobody
// signs in with one. A user of the same name is never taken over: that would
// give a local user's rights to whoever can choose a name at the provider.
func addIdentified(ctx context.Context, tx *store.Tx, who cdds.Identity, tenant cdds.Tenant, address string, now time.Time) (cdds.User, error) {
	user := cdds.User{TenantID: tenant.ID, TenantName: tenant.Name, Username: who.Username, Role: who.Role, Active: true, CreatedAt: now}
	id, err := newID()
	if err != nil {
		return user, err
	}
	added := user
	added.ID = id
	if err := tx.InsertUser(ctx, added); err != nil {
		return user, err // without the id of a user who was not made
	}
	if err := tx.InsertIdentity(ctx, added, who.Issuer, who.Subject, now); err != nil {
		return user, err
	}
	return added, audit(ctx, tx, Caller{User: added, Address: address}, "user.create", added.ID, wayOfSignOn+": "+string(added.Role), now)
}

// EndSignOnSessions ends the sessions that a valid logout token names. A token
// works once.
func (c *Control) EndSignOnSessions(ctx context.Context, out cdds.ProviderLogout, address string, now time.Time) error {
	if out.Subject == "" && out.ProviderSession == "" {
		return cdds.RefuseSignOn(cdds.RefusedToken, errors.New("the logout token names nobody"))
	}
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertLogoutToken(ctx, tokenHash(out.Issuer+"\x00"+out.TokenID), now.Add(logoutKept)); err != nil {
			return err
		}
		sessions, err := tx.SignOnSessions(ctx, out.Issuer, out.Subject, out.ProviderSession)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			user, err := tx.User(ctx, s.UserID)
			if err != nil {
				return err
			}
			if err := tx.DeleteSession(ctx, s.TokenHash); err != nil {
				return err
			}
			if err := audit(ctx, tx, Caller{User: user, Address: address}, "session.delete", user.ID, "by the identity provider", now); err != nil {
				return err
			}
		}
		return nil
	})
	if cdds.CodeOf(err) == cdds.CodeConflict {
		return cdds.RefuseSignOn(cdds.RefusedToken, err)
	}
	return err
}
