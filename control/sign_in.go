package control

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"cdds"
	"cdds/store"
)

// passwordParams is argon2id as OWASP's password storage guide has it: 19 MiB,
// two passes, one lane.
func passwordParams() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// hashSlots bounds how many password hashes run at a time, since each takes
// 19 MiB and a flood of sign-ins must not take the service's memory.
const hashSlots = 2

// passwords makes and checks password hashes, a bounded number at a time. Its
// decoy makes an unknown user take as long as a wrong password.
type passwords struct {
	slots chan struct{}
	decoy func() (string, error)
}

func newPasswords() *passwords {
	return &passwords{
		slots: make(chan struct{}, hashSlots),
		decoy: sync.OnceValues(func() (string, error) {
			return argon2id.CreateHash("a password that nobody has", passwordParams())
		}),
	}
}

// hash returns the encoded argon2id hash of a password.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	hash, err := argon2id.CreateHash(password, passwordParams())
	if err != nil {
		return "", &cdds.Error{Code: cdds.CodeInternal, Message: "The password could not be hashed.", Err: err}
	}
	return hash, nil
}

// check reports whether password belongs to hash, and whether the hash was made
// with other parameters than today's. An empty hash checks against the decoy and
// reports false. The caller has entered.
func (p *passwords) check(password, hash string) (ok, old bool, err error) {
	known := hash != ""
	if !known {
		decoy, err := p.decoy()
		if err != nil {
			return false, false, &cdds.Error{Code: cdds.CodeInternal, Message: "The password could not be checked.", Err: err}
		}
		hash = decoy
	}
	match, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, &cdds.Error{Code: cdds.CodeInternal, Message: "The stored password hash cannot be read.", Err: err}
	}
	return match && known, *params != *passwordParams(), nil
}

func (p *passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *passwords) leave() { <-p.slots }

// Credentials are what a person types to sign in. Tenant may be empty where
// the username exists in one tenant only.
type Credentials struct {
	Username, Tenant, Password string
	Remember                   bool
}

// SignIn checks the credentials and begins a session. Unknown user, wrong
// password, inactive user and a name that several tenants have look the same
// and take the same time: CodeUnauthenticated. Who fails too often has to wait:
// CodeLimited, whether the name exists or not.
func (c *Control) SignIn(ctx context.Context, cred Credentials, from Browser, now time.Time) (SignedIn, error) {
	user, old, err := c.verify(ctx, cred, from.Address, now)
	if err != nil {
		return SignedIn{}, err
	}
	if old {
		if user, err = c.renewHash(ctx, user, cred.Password); err != nil {
			return SignedIn{}, err
		}
	}
	return c.BeginSession(ctx, user, from, cred.Remember, now)
}

// renewHash hashes the password of a user anew and returns the user with that.
func (c *Control) renewHash(ctx context.Context, user cdds.User, password string) (cdds.User, error) {
	renewed, err := c.passwords.hash(ctx, password)
	if err != nil {
		return user, err
	}
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		// Where the password was changed meanwhile that stays, and BeginSession
		// refuses.
		_, err := tx.RenewPassword(ctx, user.ID, user.PasswordHash, renewed)
		return err
	})
	user.PasswordHash = renewed
	return user, err
}

// verify returns the user of the credentials, and whether the password's hash is
// to be made anew. Only as many as may hash at a time are in here, so that many
// guesses at once are counted before the next ones are looked at.
func (c *Control) verify(ctx context.Context, cred Credentials, address string, now time.Time) (user cdds.User, old bool, err error) {
	if err := c.passwords.enter(ctx); err != nil {
		return user, false, err
	}
	defer c.passwords.leave()
	subjects := signInSubjects(cred, address)
	if err := c.mayTry(ctx, subjects, now); err != nil {
		if cdds.CodeOf(err) == cdds.CodeLimited {
			c.probe.SignInRefused("limited")
			c.Refused(Refusal{By: Caller{Address: address}, Action: "session.create", Reason: "limited"}, now)
		}
		return user, false, err
	}
	users, err := c.store.UsersNamed(ctx, cred.Username, cred.Tenant)
	if err != nil {
		return user, false, err
	}
	if len(users) == 1 && users[0].Active {
		user = users[0]
	}
	ok, old, err := c.passwords.check(cred.Password, user.PasswordHash)
	if err != nil {
		return user, false, err
	}
	if !ok {
		c.Refused(Refusal{By: refusedSignIn(users, address), Action: "session.create", Reason: "unauthenticated"}, now)
		return user, false, c.refuseSignIn(ctx, subjects, address, now)
	}
	return user, old, c.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.ForgetSignInFailures(ctx, []string{subjects[cdds.SubjectAccountAtAddress], subjects[cdds.SubjectAccount]})
	})
}

// refuseSignIn counts a refusal, logs it, and returns the one answer that all of
// them share. It counts what was typed, whether there is such a user or not, so
// that the time it takes tells nothing. What was typed is neither logged nor
// kept: a password may have come into the wrong field.
func (c *Control) refuseSignIn(ctx context.Context, subjects map[cdds.SignInSubject]string, address string, now time.Time) error {
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		for _, subject := range subjects {
			if err := tx.AddSignInFailure(ctx, subject, now, cdds.SignInsForgotten(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.probe.SignInRefused("credentials")
	c.log.Warn("sign-in refused", "address", address)
	return wrongCredentials()
}

func wrongCredentials() error {
	return &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "The username, the tenant or the password is wrong.",
		Hint: "Give the tenant as well if your username exists in several."}
}

// signInSubjects are what a sign-in is counted by, as the store keeps them.
func signInSubjects(cred Credentials, address string) map[cdds.SignInSubject]string {
	account := strings.ToLower(cred.Tenant) + "\x00" + strings.ToLower(cred.Username)
	subjects := map[cdds.SignInSubject]string{
		cdds.SubjectAccountAtAddress: account + "\x00" + address, cdds.SubjectAccount: account, cdds.SubjectAddress: address,
	}
	for kind, text := range subjects {
		subjects[kind] = tokenHash(string(kind) + "\x00" + text)
	}
	return subjects
}

// mayTry is nil, or CodeLimited with the time to wait, for a sign-in that is
// about to be checked.
func (c *Control) mayTry(ctx context.Context, subjects map[cdds.SignInSubject]string, now time.Time) error {
	failed, err := c.store.SignInFailures(ctx, slices.Collect(maps.Values(subjects)))
	if err != nil {
		return err
	}
	var wait time.Duration
	for kind, subject := range subjects {
		for _, f := range failed {
			if f.Subject == subject {
				wait = max(wait, cdds.SignInWait(kind, f.Count, f.Last, now))
			}
		}
	}
	if wait == 0 {
		return nil
	}
	return &cdds.Error{Code: cdds.CodeLimited, Message: "Too many sign-ins have failed.", Hint: "Wait a moment, then try again.", RetryAfter: wait}
}
