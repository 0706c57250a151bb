package control_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// identity is somebody new of Ann's tenant.
func identity(change func(*cdds.Identity)) cdds.Identity {
	who := cdds.Identity{Issuer: "https://issuer.example", Subject: "s-1", Username: "carl", Tenant: "Alpha", Role: cdds.RoleViewer, ProviderSession: "p-1"}
	if change != nil {
		change(&who)
	}
	return who
}

func (w *world) signOn(t testing.TB, who cdds.Identity) (string, cdds.User) {
	t.Helper()
	in := got(w.SignOn(t.Context(), who, from, now))(t)
	return in.Secret, in.Caller.User
}

func wantReason(t testing.TB, what string, err error, want cdds.SignOnRefusal) {
	t.Helper()
	var reason cdds.SignOnRefusal
	if !errors.As(err, &reason) || reason != want {
		t.Fatalf("%s: got %v, want the refusal %q", what, err, want)
	}
}

// said returns the details of a tenant's lines of an action, oldest first.
func (w *world) said(t testing.TB, action string) []string {
	t.Helper()
	page := got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: w.ann.User.TenantID, Action: action, Paging: store.Paging{Sort: "at", Limit: 100}}))(t)
	details := make([]string, 0, len(page.Items))
	for _, line := range page.Items {
		details = append(details, line.Username+": "+line.Detail)
	}
	return details
}

func TestSignOnMakesAUserOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, first := w.signOn(t, identity(nil))
		equal(t, "who it is", []string{first.Username, first.TenantName, string(first.Role), first.PasswordHash}, []string{"carl", "Alpha", "viewer", ""})
		token, again := w.signOn(t, identity(func(i *cdds.Identity) { i.Username, i.Role = "carla", cdds.RoleExporter }))
		first.Role = cdds.RoleExporter
		equal(t, "the same user with the role of now", again, first)
		by := got(w.Caller(t.Context(), token, "192.0.2.1", now))(t)
		equal(t, "the caller", by, control.Caller{User: first, Address: "192.0.2.1", SessionID: by.SessionID, SingleSignOn: true})
		_, kept := w.signOn(t, identity(func(i *cdds.Identity) { i.Role, i.KeepRole = cdds.RoleNone, true }))
		equal(t, "the role where claims do not speak of it", kept.Role, cdds.RoleExporter)
		_, other := w.signOn(t, identity(func(i *cdds.Identity) { i.Subject, i.Username = "s-2", "dora" }))
		_, elsewhere := w.signOn(t, identity(func(i *cdds.Identity) { i.Issuer, i.Username = "https://other.example", "emil" }))
		if other.ID == first.ID || elsewhere.ID == first.ID {
			t.Fatal("another subject, or one of another issuer, is the same user")
		}
		_, lost := w.signOn(t, identity(func(i *cdds.Identity) { i.Role = cdds.RoleNone }))
		equal(t, "the role without a group", lost.Role, cdds.RoleNone)
		equal(t, "users that were made", w.said(t, "user.create")[1:], []string{"carl: single sign-on: viewer", "dora: single sign-on: viewer", "emil: single sign-on: viewer"})
		equal(t, "roles that changed", w.said(t, "user.role"), []string{"carl: single sign-on: exporter", "carl: single sign-on: "})
		equal(t, "sessions", w.audited(t, "session.create"), 6)
	})
}

// TestSignOnRefusals: nobody is let in who should not be, and nothing is left
// behind but a line in the audit log of the tenant that it was about.
func TestSignOnRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, carl := w.signOn(t, identity(nil))
		users := len(got(w.st.Users(t.Context(), ""))(t))
		for what, c := range map[string]struct {
			change func(*cdds.Identity)
			want   cdds.SignOnRefusal
		}{
			"a local user's name":         {func(i *cdds.Identity) { i.Subject, i.Username, i.Role = "s-2", "ann", cdds.RoleAdministrator }, cdds.RefusedName},
			"the name of another subject": {func(i *cdds.Identity) { i.Subject = "s-2" }, cdds.RefusedName},
			"another issuer, same name":   {func(i *cdds.Identity) { i.Issuer = "https://other.example" }, cdds.RefusedName},
			"no such tenant":              {func(i *cdds.Identity) { i.Tenant = "Gamma" }, cdds.RefusedTenant},
			"another tenant than before":  {func(i *cdds.Identity) { i.Tenant = "Beta" }, cdds.RefusedMoved},
		} {
			in, err := w.SignOn(t.Context(), identity(c.change), from, now)
			wantReason(t, what, err, c.want)
			equal(t, what+": the secret", in.Secret, "")
		}
		carl.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, carl) })
		_, err := w.SignOn(t.Context(), identity(func(i *cdds.Identity) { i.Role = cdds.RoleAdministrator }), from, now)
		wantReason(t, "deactivated", err, cdds.RefusedInactive)
		told(t, w.probe, `cdds_sign_in_failures_total{reason="single_sign_on"} 6`)
		equal(t, "carl", got(w.st.User(t.Context(), carl.ID))(t), carl)
		equal(t, "users", len(got(w.st.Users(t.Context(), ""))(t)), users)
		equal(t, "sessions", w.audited(t, "session.create"), 1)
		noError(t, w.WriteRefusals(t.Context(), false, now))
		refused := map[string]int64{}
		for _, line := range append(w.refused(t, w.ann.User.TenantID), w.refused(t, store.NoTenant)...) {
			refused[line.Username+": "+line.Detail] += line.Times
		}
		equal(t, "refusals", refused, map[string]int64{"ann: single sign-on: name": 1, "carl: single sign-on: name": 2, "carl: single sign-on: moved": 1,
			"carl: single sign-on: inactive": 1, ": single sign-on: tenant": 1})
	})
}

// TestSignOnUsersHaveNoPassword: for the password's way in they are unknown, in
// text and in what is counted, and nobody can give them one.
func TestSignOnUsersHaveNoPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.signOn(t, identity(nil))
		refusal := func(name, password string) string {
			_, err := w.SignIn(t.Context(), control.Credentials{Username: name, Tenant: "Alpha", Password: password}, control.Browser{Address: "192.0.2.7"}, now)
			wantCode(t, name, err, cdds.CodeUnauthenticated)
			return err.Error()
		}
		for _, guess := range []string{"", password, "a password that nobody has"} {
			equal(t, "the answer", refusal("carl", guess), refusal("nobody", guess))
		}
		wantCode(t, "a password for them", w.SetPassword(t.Context(), "carl", "Alpha", password, now), cdds.CodeConflict)
	})
}

func TestSignOnSessionsAreShort(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		token, _ := w.signOn(t, identity(nil))
		for used := time.Duration(0); used < signOnLimit; used += 20 * time.Minute {
			_, err := w.Caller(t.Context(), token, "", at(used))
			noError(t, err)
		}
		_, err := w.Caller(t.Context(), token, "", at(signOnLimit))
		wantCode(t, "at the limit, in spite of use", err, cdds.CodeUnauthenticated)
	})
}

func TestSignOnAttemptsWorkOnceAndNotForLong(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		begin := func(to string) string { return got(w.BeginSignOn(t.Context(), to, now))(t) }
		secret := begin("/history?state=failed")
		equal(t, "where it leads", got(w.TakeSignOn(t.Context(), secret, at(10*time.Minute-time.Microsecond)))(t), "/history?state=failed")
		_, err := w.TakeSignOn(t.Context(), secret, now)
		wantReason(t, "again", err, cdds.RefusedAttempt)
		_, err = w.TakeSignOn(t.Context(), begin("/"), at(10*time.Minute))
		wantReason(t, "too late", err, cdds.RefusedAttempt)
		_, err = w.TakeSignOn(t.Context(), "", now)
		wantReason(t, "none", err, cdds.RefusedAttempt)
		equal(t, "another site", got(w.TakeSignOn(t.Context(), begin("//a.example"), now))(t), "")
		late := begin("/")
		noError(t, w.ForgetOld(t.Context(), at(10*time.Minute)))
		_, err = w.TakeSignOn(t.Context(), late, now)
		wantReason(t, "forgotten", err, cdds.RefusedAttempt)
	})
}

// TestSignOnInTwoWindowsAtOnce: one person is one user, whichever window is
// first.
func TestSignOnInTwoWindowsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const windows = 4
		var group sync.WaitGroup
		ids, errs := make([]string, windows), make([]error, windows)
		for i := range windows {
			group.Go(func() {
				in, err := w.SignOn(t.Context(), identity(nil), from, now)
				ids[i], errs[i] = in.Caller.User.ID, err
			})
		}
		group.Wait()
		for i := range windows {
			noError(t, errs[i])
			equal(t, "the user", ids[i], ids[0])
		}
	})
}

func TestProviderEndsSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		phone, _ := w.signOn(t, identity(nil))
		desk, _ := w.signOn(t, identity(func(i *cdds.Identity) { i.ProviderSession = "p-2" }))
		dora, _ := w.signOn(t, identity(func(i *cdds.Identity) { i.Subject, i.Username = "s-2", "dora" }))
		local := w.signIn(t, annSigns(false)).Secret
		alive := func(what string, want map[string]bool) {
			t.Helper()
			for token, want := range want {
				_, err := w.Caller(ctx, token, "", now)
				equal(t, what, err == nil, want)
			}
		}
		out := cdds.ProviderLogout{Issuer: "https://issuer.example", TokenID: "1", Subject: "s-1", ProviderSession: "p-2"}
		noError(t, w.EndSignOnSessions(ctx, out, "192.0.2.9", now))
		alive("one session", map[string]bool{phone: true, desk: false, dora: true, local: true})
		wantReason(t, "the same token", w.EndSignOnSessions(ctx, out, "192.0.2.9", now), cdds.RefusedToken)
		out = cdds.ProviderLogout{Issuer: "https://other.example", TokenID: "1", Subject: "s-1"}
		noError(t, w.EndSignOnSessions(ctx, out, "192.0.2.9", now))
		alive("another issuer's subject", map[string]bool{phone: true, dora: true, local: true})
		out = cdds.ProviderLogout{Issuer: "https://issuer.example", TokenID: "2", Subject: "s-1"}
		noError(t, w.EndSignOnSessions(ctx, out, "192.0.2.9", now))
		alive("a subject", map[string]bool{phone: false, dora: true, local: true})
		out = cdds.ProviderLogout{Issuer: "https://issuer.example", TokenID: "3", ProviderSession: "p-1"}
		noError(t, w.EndSignOnSessions(ctx, out, "192.0.2.9", now))
		alive("a session at the provider", map[string]bool{dora: false, local: true})
		wantReason(t, "nobody", w.EndSignOnSessions(ctx, cdds.ProviderLogout{Issuer: "https://issuer.example", TokenID: "4"}, "", now), cdds.RefusedToken)
		equal(t, "lines of the audit log", w.said(t, "session.delete"), []string{"carl: by the identity provider", "carl: by the identity provider", "dora: by the identity provider"})
	})
}
