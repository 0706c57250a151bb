package control_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// member adds a user to Ann's tenant, by Ann.
func (w *world) member(t testing.TB, name string, role cdds.Role) control.Caller {
	t.Helper()
	user, _, err := w.CreateUser(t.Context(), w.ann, control.NewUser{Username: name, Password: password, Role: role}, control.Once{}, now)
	noError(t, err)
	return control.Caller{User: user, Address: "192.0.2.2"}
}

// auditDetails returns the details of an action's lines about an object, newest
// first.
func (w *world) auditDetails(t testing.TB, action, object string) []string {
	t.Helper()
	page := got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: w.ann.User.TenantID, Action: action, Text: object}))(t)
	details := []string{}
	for _, line := range page.Items {
		details = append(details, line.Username+": "+line.Detail)
	}
	return details
}

func TestCreateUser(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		create := func(nu control.NewUser, once control.Once) (cdds.User, string, error) {
			return w.CreateUser(ctx, w.ann, nu, once, now)
		}
		typed := control.NewUser{Username: "typed", Password: "another long password", Role: cdds.RoleViewer, Tenant: "Beta", TenantSourceID: 999}
		user, made, err := create(typed, control.Once{})
		noError(t, err)
		equal(t, "no password is made", made, "")
		equal(t, "whose", []string{user.TenantID, user.TenantName}, []string{w.ann.User.TenantID, "Alpha"})
		w.signIn(t, control.Credentials{Username: "typed", Password: "another long password"})
		equal(t, "audit log", w.auditDetails(t, "user.create", user.ID), []string{"ann: viewer"})

		once := control.Once{Key: "k", Request: "r"}
		user, made, err = create(control.NewUser{Username: "made", Role: cdds.RoleNone}, once)
		noError(t, err)
		w.signIn(t, control.Credentials{Username: "made", Password: made})
		again, repeated, err := create(control.NewUser{Username: "made", Role: cdds.RoleNone}, once)
		noError(t, err)
		equal(t, "the same user", again.ID, user.ID)
		equal(t, "the password is not shown again", repeated, "")
		_, other, err := create(control.NewUser{Username: "made too"}, control.Once{})
		noError(t, err)
		if len(made) < 24 || made == other {
			t.Fatal("the passwords that are made are short, or the same")
		}
		for what, c := range map[string]struct {
			change func(nu *control.NewUser)
			code   cdds.Code
		}{
			"the same name":      {func(nu *control.NewUser) { nu.Username = "ann" }, cdds.CodeConflict},
			"no name":            {func(nu *control.NewUser) { nu.Username = "" }, cdds.CodeInvalid},
			"an unknown role":    {func(nu *control.NewUser) { nu.Role = "king" }, cdds.CodeInvalid},
			"a short password":   {func(nu *control.NewUser) { nu.Password = "short" }, cdds.CodeInvalid},
			"a name of Beta's":   {func(nu *control.NewUser) { nu.Username = "bob" }, ""},
			"another's password": {func(nu *control.NewUser) {}, ""},
		} {
			nu := control.NewUser{Username: strings.ReplaceAll(what, " ", "-"), Password: password, Role: cdds.RoleViewer}
			c.change(&nu)
			_, _, err := create(nu, control.Once{})
			wantCode(t, what, err, c.code)
		}
	})
}

// TestChangesOfUsers does each change to each kind of user: who loses what they
// came in with, and what the audit log says.
func TestChangesOfUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		role := func(r cdds.Role) func(string) error {
			return func(id string) error { _, err := w.SetRole(ctx, w.ann, id, r, now); return err }
		}
		deactivate := func(id string) error { _, err := w.DeactivateUser(ctx, w.ann, id, now); return err }
		activate := func(id string) error { _, err := w.ActivateUser(ctx, w.ann, id, now); return err }
		reset := func(id string) error {
			_, err := w.ResetPassword(ctx, w.ann, id, "another long password", now)
			return err
		}
		for what, c := range map[string]struct {
			change       func(id string) error
			role         cdds.Role
			action, says string
			in, token    bool // whether the session and the token from before still let in
		}{
			"promoted":                 {role(cdds.RoleExporter), cdds.RoleViewer, "user.role", "from viewer to exporter", false, true},
			"demoted":                  {role(cdds.RoleNone), cdds.RoleAdministrator, "user.role", "from administrator to no role", false, true},
			"the role that there is":   {role(cdds.RoleViewer), cdds.RoleViewer, "user.role", "", true, true},
			"deactivated":              {deactivate, cdds.RoleExporter, "user.deactivate", "", false, false},
			"an administrator as well": {deactivate, cdds.RoleAdministrator, "user.deactivate", "", false, false},
			"activated twice":          {activate, cdds.RoleExporter, "user.activate", "", true, true},
			"a new password":           {reset, cdds.RoleViewer, "user.password", "a-new-password", false, true},
		} {
			user := w.member(t, strings.ReplaceAll(what, " ", "-"), c.role)
			session := w.signIn(t, control.Credentials{Username: user.User.Username, Password: password})
			secret, _, err := w.CreateToken(ctx, user, cdds.Token{Name: "script", Scopes: []cdds.Scope{cdds.ScopeRead}, ExpiresAt: at(time.Hour)}, now)
			noError(t, err)
			noError(t, c.change(user.User.ID))
			_, err = w.Caller(ctx, session.Secret, "", now)
			equal(t, what+": the session lets in", err == nil, c.in)
			_, err = w.CallerByToken(ctx, secret, "", now)
			equal(t, what+": the token lets in", err == nil, c.token)
			var want []string
			if !c.in {
				want = []string{"ann: " + c.says}
			}
			equal(t, what+": audit log", len(w.auditDetails(t, c.action, user.User.ID)), len(want))
			if want != nil {
				equal(t, what+": audit log", w.auditDetails(t, c.action, user.User.ID), want)
			}
			wantCode(t, what+", by another tenant's id", c.change(w.bob.User.ID), cdds.CodeNotFound)
			wantCode(t, what+", by no id", c.change("missing"), cdds.CodeNotFound)
		}
		wantCode(t, "a role that does not exist", role("king")(w.ann.User.ID), cdds.CodeInvalid)
		gone := w.member(t, "gone", cdds.RoleExporter)
		noError(t, deactivate(gone.User.ID))
		noError(t, activate(gone.User.ID))
		w.signIn(t, control.Credentials{Username: "gone", Password: password})
	})
}

// TestTheLastAdministrator keeps its tenant, whatever stands beside it.
func TestTheLastAdministrator(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.member(t, "exporter", cdds.RoleExporter)
		second := w.member(t, "second", cdds.RoleAdministrator)
		_, err := w.DeactivateUser(ctx, w.ann, second.User.ID, now)
		noError(t, err)
		_, err = w.DeactivateUser(ctx, w.ann, w.ann.User.ID, now)
		wantCode(t, "deactivate", err, cdds.CodeConflict)
		_, err = w.SetRole(ctx, w.ann, w.ann.User.ID, cdds.RoleExporter, now)
		wantCode(t, "demote", err, cdds.CodeConflict)
		_, err = w.ActivateUser(ctx, w.ann, second.User.ID, now)
		noError(t, err)

		// Both demote each other at the same time: one of them stays.
		var group sync.WaitGroup
		pair, errs := []control.Caller{w.ann, second}, make([]error, 2)
		for i := range pair {
			group.Go(func() { _, errs[i] = w.SetRole(ctx, pair[i], pair[1-i].User.ID, cdds.RoleViewer, now) })
		}
		group.Wait()
		equal(t, "who were refused", []bool{cdds.CodeOf(errs[0]) == cdds.CodeConflict, cdds.CodeOf(errs[1]) == cdds.CodeConflict}, []bool{errs[1] == nil, errs[0] == nil})
		equal(t, "administrators", got(w.st.Administrators(ctx, w.ann.User.TenantID))(t), int64(1))
	})
}

func TestResetPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		user := w.member(t, "user", cdds.RoleViewer)
		made := got(w.ResetPassword(ctx, w.ann, user.User.ID, "", now))(t)
		w.signIn(t, control.Credentials{Username: "user", Password: made})
		equal(t, "a typed one is not returned", got(w.ResetPassword(ctx, w.ann, user.User.ID, "another long password", now))(t), "")
		w.signIn(t, control.Credentials{Username: "user", Password: "another long password"})
		_, err := w.ResetPassword(ctx, w.ann, user.User.ID, "short", now)
		wantCode(t, "a short one", err, cdds.CodeInvalid)
		_, err = w.ResetPassword(ctx, w.ann, w.ann.User.ID, password, now)
		wantCode(t, "one's own", err, cdds.CodeConflict)
		_, err = w.ResetPassword(ctx, w.ann, w.bob.User.ID, password, now)
		wantCode(t, "of another tenant", err, cdds.CodeNotFound)
	})
}

func TestChangePassword(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const next = "another long password"
		kept, other := w.signIn(t, control.Credentials{Username: "ann", Password: password}), w.signIn(t, control.Credentials{Username: "ann", Password: password})
		change := func(present, password string, now time.Time) error {
			return w.ChangePassword(ctx, kept.Caller, present, password, now)
		}
		wantCode(t, "a short one", change(password, "short", now), cdds.CodeInvalid)
		wantCode(t, "the present one is wrong", change("wrong horse battery", next, now), cdds.CodeInvalid)
		noError(t, change(password, next, now))
		_, err := w.Caller(ctx, kept.Secret, "", now)
		noError(t, err)
		_, err = w.Caller(ctx, other.Secret, "", now)
		wantCode(t, "the other session", err, cdds.CodeUnauthenticated)
		w.signIn(t, control.Credentials{Username: "ann", Password: next})
		equal(t, "audit log", w.auditDetails(t, "user.password", w.ann.User.ID), []string{"ann: "})

		// Guessing by a session that somebody left open is slowed down.
		for range 5 {
			wantCode(t, "a guess", change("wrong horse battery", password, at(time.Minute)), cdds.CodeInvalid)
		}
		wantCode(t, "the right one too soon", change(next, password, at(time.Minute)), cdds.CodeLimited)
		noError(t, change(next, password, at(time.Hour)))
	})
}

// TestNoSessionBehindAReset: what was checked before a reset, a deactivation or
// a change of the password lets nobody in after it.
func TestNoSessionBehindAReset(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		user := got(w.st.User(t.Context(), w.ann.User.ID))(t)
		hold := func(from string) (held bool) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				held, err = tx.RenewPassword(ctx, user.ID, from, user.PasswordHash)
				return err
			})
			return held
		}
		equal(t, "as it was checked", hold(user.PasswordHash), true)
		equal(t, "another hash meanwhile", hold("from before"), false)
		user.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, user) })
		equal(t, "deactivated meanwhile", hold(user.PasswordHash), false)
	})
}
