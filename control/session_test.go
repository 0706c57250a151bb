package control_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// from is the browser of the tests, before it holds anything.
var from = control.Browser{Address: "192.0.2.1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"}

// ann's credentials, to be remembered or not.
func annSigns(remember bool) control.Credentials {
	return control.Credentials{Username: "ann", Password: password, Remember: remember}
}

func (w *world) signIn(t testing.TB, cred control.Credentials) control.SignedIn {
	t.Helper()
	return got(w.SignIn(t.Context(), cred, from, now))(t)
}

// remembered is the browser with what a sign-in gave it.
func remembered(in control.SignedIn) control.Browser {
	b := from
	b.Session, b.Remembered = in.Secret, in.Remember
	return b
}

// signedIn checks whether a secret is ann's session at a moment.
func (w *world) signedIn(t testing.TB, what, secret string, now time.Time, want bool) {
	t.Helper()
	by, err := w.Caller(t.Context(), secret, "192.0.2.1", now)
	if !want {
		wantCode(t, what, err, cdds.CodeUnauthenticated)
		return
	}
	noError(t, err)
	equal(t, what, by.User.ID, w.ann.User.ID)
}

// audited counts the lines of the audit log with an action.
func (w *world) audited(t testing.TB, action string) int64 {
	t.Helper()
	return got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: w.ann.User.TenantID, Action: action}))(t).Total
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		in := w.signIn(t, annSigns(false))
		equal(t, "not asked to be remembered", in.Remember, "")
		w.signedIn(t, "at once", in.Secret, now, true)
		w.signedIn(t, "before the end", in.Secret, at(30*time.Minute-time.Microsecond), true)
		w.signedIn(t, "each use moves the end", in.Secret, at(59*time.Minute), true)
		w.signedIn(t, "after idling", in.Secret, at(89*time.Minute), false)
		w.signedIn(t, "no token", "", now, false)
		w.signedIn(t, "another token", in.Secret+"x", now, false)

		busy := w.signIn(t, annSigns(false))
		for used := time.Duration(0); used < 12*time.Hour; used += 25 * time.Minute {
			w.signedIn(t, "busy", busy.Secret, at(used), true)
		}
		w.signedIn(t, "busy at the absolute limit", busy.Secret, at(12*time.Hour), false)

		watched := w.signIn(t, annSigns(false))
		equal(t, "an onlooker", got(w.Onlooker(ctx, watched.Secret, "192.0.2.1", at(29*time.Minute)))(t), watched.Caller)
		w.signedIn(t, "looking on keeps nothing alive", watched.Secret, at(31*time.Minute), false)

		out := w.signIn(t, annSigns(false))
		noError(t, w.SignOut(ctx, out.Caller, remembered(out), now))
		w.signedIn(t, "signed out", out.Secret, now, false)

		changed := w.signIn(t, annSigns(true))
		noError(t, w.SetPassword(ctx, "ann", "", "another long password", now))
		w.signedIn(t, "the password was changed", changed.Secret, now, false)
		_, err := w.Resume(ctx, remembered(changed), now)
		wantCode(t, "the browser after that", err, cdds.CodeUnauthenticated)
		_, err = w.SignIn(ctx, annSigns(false), from, now)
		wantCode(t, "the old password", err, cdds.CodeUnauthenticated)
		last := got(w.SignIn(ctx, control.Credentials{Username: "ann", Password: "another long password", Remember: true}, from, now))(t)
		off := got(w.st.User(ctx, w.ann.User.ID))(t)
		off.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, off) })
		w.signedIn(t, "deactivated", last.Secret, now, false)
		_, err = w.Resume(ctx, remembered(last), now)
		wantCode(t, "the browser of a deactivated user", err, cdds.CodeUnauthenticated)
	})
}

// TestOneDoorForAllSignIns: what a browser held before a sign-in is over, and
// nobody gets in who was shut out since they were recognised.
func TestOneDoorForAllSignIns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		first := w.signIn(t, annSigns(true))
		elsewhere := w.signIn(t, annSigns(true))
		second := got(w.BeginSession(ctx, first.Caller.User, remembered(first), true, now))(t)
		if second.Secret == first.Secret || second.Remember == first.Remember || second.Remember == second.Secret || len(second.Secret) != 43 {
			t.Fatal("the secrets are not new, or not 256 bits")
		}
		w.signedIn(t, "the old cookie", first.Secret, now, false)
		_, err := w.Resume(ctx, remembered(first), now)
		wantCode(t, "the old browser", err, cdds.CodeUnauthenticated)
		w.signedIn(t, "the new session", second.Secret, now, true)
		w.signedIn(t, "another browser's", elsewhere.Secret, now, true)
		kept := got(w.st.SessionByID(ctx, second.Session.ID))(t)
		equal(t, "what is kept", kept, second.Session)
		if kept.TokenHash == second.Secret || kept.Browser != "Firefox 131 on Linux" || kept.Address != from.Address {
			t.Fatalf("the session is %+v", kept)
		}

		recognised := got(w.st.User(ctx, w.ann.User.ID))(t)
		noError(t, w.SetPassword(ctx, "ann", "", "another long password", now))
		_, err = w.BeginSession(ctx, recognised, from, false, now)
		wantCode(t, "recognised before the password was changed", err, cdds.CodeUnauthenticated)
		recognised = got(w.st.User(ctx, w.ann.User.ID))(t)
		off := recognised
		off.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, off) })
		_, err = w.BeginSession(ctx, recognised, from, false, now)
		wantCode(t, "recognised before being deactivated", err, cdds.CodeUnauthenticated)
		equal(t, "sessions", len(got(w.st.SessionsOf(ctx, recognised.ID, now))(t)), 0)
	})
}

// TestRememberedBrowser goes through the life of a remembered browser.
func TestRememberedBrowser(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const day = 24 * time.Hour
		in := w.signIn(t, annSigns(true))
		equal(t, "until when", in.RememberUntil, at(30*day))
		browser := remembered(in)
		for _, later := range []time.Duration{day, 2 * day, 29 * day} {
			w.signedIn(t, "the session before", browser.Session, at(later), false)
			next := got(w.Resume(ctx, browser, at(later)))(t)
			if next.Remember == browser.Remembered || next.Secret == browser.Session {
				t.Fatal("the secrets are not exchanged")
			}
			equal(t, "the end stays", next.RememberUntil, at(30*day))
			w.signedIn(t, "the next session", next.Secret, at(later), true)
			browser = remembered(next)
		}
		equal(t, "sessions begun", w.audited(t, "session.create"), 4)
		_, err := w.Resume(ctx, browser, at(30*day))
		wantCode(t, "after its time", err, cdds.CodeUnauthenticated)
		for _, secret := range []string{"", "x", browser.Session} {
			_, err := w.Resume(ctx, control.Browser{Remembered: secret}, now)
			wantCode(t, "what is no secret", err, cdds.CodeUnauthenticated)
		}
		noError(t, w.ForgetOld(ctx, at(30*day)))
		_, err = w.st.RememberedBrowser(ctx, in.Session.RememberedID)
		wantCode(t, "the browser after housekeeping", err, cdds.CodeNotFound)
		equal(t, "sessions after housekeeping", len(got(w.st.SessionsOf(ctx, w.ann.User.ID, time.Time{}))(t)), 0)

		out := w.signIn(t, annSigns(true))
		noError(t, w.SignOut(ctx, out.Caller, remembered(out), now))
		_, err = w.Resume(ctx, remembered(out), now)
		wantCode(t, "signed out", err, cdds.CodeUnauthenticated)
	})
}

// TestAStolenSecret has a thief copy what a browser is remembered by. Whoever of
// the two comes second gives both away.
func TestAStolenSecret(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		in := w.signIn(t, annSigns(true))
		elsewhere := w.signIn(t, annSigns(true))
		copied := remembered(in)
		copied.Address, copied.Session = "198.51.100.66", ""
		thief := got(w.Resume(ctx, copied, at(time.Hour)))(t)
		w.signedIn(t, "the thief", thief.Secret, at(time.Hour), true)

		_, err := w.Resume(ctx, remembered(in), at(time.Hour+cdds.RememberGrace))
		wantCode(t, "the owner", err, cdds.CodeUnauthenticated)
		w.signedIn(t, "the thief after that", thief.Secret, at(time.Hour+cdds.RememberGrace), false)
		_, err = w.Resume(ctx, remembered(thief), at(time.Hour+cdds.RememberGrace))
		wantCode(t, "the thief's next try", err, cdds.CodeUnauthenticated)
		_, err = w.Resume(ctx, remembered(in), at(2*time.Hour))
		wantCode(t, "the owner's next try", err, cdds.CodeUnauthenticated)

		line := got(w.st.Audit(ctx, store.AuditQuery{TenantID: w.ann.User.TenantID, Action: "session.theft"}))(t)
		equal(t, "lines about it", line.Total, int64(1))
		equal(t, "who", line.Items[0].Username, "ann")
		equal(t, "what", line.Items[0].Object, in.Session.RememberedID)
		equal(t, "whence", line.Items[0].Address, from.Address)
		w.signedIn(t, "her other browser", got(w.Resume(ctx, remembered(elsewhere), at(2*time.Hour)))(t).Secret, at(2*time.Hour), true)
	})
}

// TestManyRequestsAtOnce has a browser whose session has ended send several
// requests at once, as a page does: all get the same session and secret, so that
// it does not matter which answer the browser keeps, or whether one is lost.
func TestManyRequestsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		browser := remembered(w.signIn(t, annSigns(true)))
		const requests = 8
		answers, errs := make([]control.SignedIn, requests), make([]error, requests)
		var all sync.WaitGroup
		for i := range requests {
			all.Go(func() { answers[i], errs[i] = w.Resume(ctx, browser, at(time.Hour)) })
		}
		all.Wait()
		for i, in := range answers {
			noError(t, errs[i])
			equal(t, "the session", in.Secret, answers[0].Secret)
			equal(t, "the secret", in.Remember, answers[0].Remember)
		}
		late := got(w.Resume(ctx, browser, at(time.Hour+cdds.RememberGrace-time.Microsecond)))(t)
		equal(t, "the last moment", late.Secret, answers[0].Secret)
		equal(t, "sessions", len(got(w.st.SessionsOf(ctx, w.ann.User.ID, at(time.Hour)))(t)), 1)
		equal(t, "sessions begun", w.audited(t, "session.create"), 2)
		equal(t, "thefts", w.audited(t, "session.theft"), 0)
		w.signedIn(t, "the next exchange", got(w.Resume(ctx, remembered(late), at(2*time.Hour)))(t).Secret, at(2*time.Hour), true)
	})
}

// TestOnesOwnSessions ends sessions of one's own, and none of others.
func TestOnesOwnSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		here, plain, kept := w.signIn(t, annSigns(true)), w.signIn(t, annSigns(false)), w.signIn(t, annSigns(true))
		bob := w.signIn(t, control.Credentials{Username: "bob", Password: password, Remember: true})
		for _, id := range []string{bob.Session.ID, bob.Session.RememberedID, "missing", ""} {
			wantCode(t, "another's", w.EndSession(ctx, here.Caller, id, now), cdds.CodeNotFound)
		}
		noError(t, w.EndSession(ctx, here.Caller, plain.Session.ID, now))
		w.signedIn(t, "ended", plain.Secret, now, false)
		noError(t, w.EndSession(ctx, here.Caller, kept.Session.RememberedID, now))
		w.signedIn(t, "of a forgotten browser", kept.Secret, now, false)

		w.signIn(t, annSigns(true))
		w.signIn(t, annSigns(false))
		equal(t, "signed out elsewhere", got(w.EndOtherSessions(ctx, here.Caller, now))(t), int64(2))
		w.signedIn(t, "the caller's own", here.Secret, now, true)
		noError(t, got1(w.Resume(ctx, remembered(here), now)))
		equal(t, "bob's", len(got(w.st.SessionsOf(ctx, bob.Caller.User.ID, now))(t)), 1)
	})
}

// got1 is the error of a call of which nothing else matters.
func got1[T any](_ T, err error) error { return err }

// TestStillIn: what an answer that lasts goes by.
func TestStillIn(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		still := func(by control.Caller, a cdds.Action, now time.Time) bool {
			return got(w.StillIn(ctx, by, a, now))(t)
		}
		in := w.signIn(t, annSigns(false))
		_, token, err := w.CreateToken(ctx, in.Caller, cdds.Token{Name: "t", Scopes: []cdds.Scope{cdds.ScopeRead}, ExpiresAt: at(time.Hour)}, now)
		noError(t, err)
		byToken := control.Caller{User: in.Caller.User, Token: &token}
		equal(t, "a session", still(in.Caller, cdds.ActionSeeRuns, now), true)
		equal(t, "one that has idled", still(in.Caller, cdds.ActionSeeRuns, at(30*time.Minute)), false)
		equal(t, "a token", still(byToken, cdds.ActionSeeRuns, now), true)
		equal(t, "one that has expired", still(byToken, cdds.ActionSeeRuns, at(time.Hour)), false)
		noError(t, w.RevokeToken(ctx, in.Caller, token.ID, now))
		equal(t, "one that was revoked", still(byToken, cdds.ActionSeeRuns, now), false)
		user := got(w.st.User(ctx, in.Caller.User.ID))(t)
		user.Role = cdds.RoleNone
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, user) })
		equal(t, "without the right", still(in.Caller, cdds.ActionSeeRuns, now), false)
		equal(t, "with another one", still(in.Caller, cdds.ActionSignedIn, now), true)
		noError(t, w.SignOut(ctx, in.Caller, control.Browser{}, now))
		equal(t, "signed out", still(in.Caller, cdds.ActionSignedIn, now), false)
	})
}
