package control_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

func TestTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ask := cdds.Token{Name: "warehouse", Scopes: []cdds.Scope{cdds.ScopeRead, cdds.ScopeDownload}, ExpiresAt: at(48 * time.Hour)}
		secret, token, err := w.CreateToken(ctx, w.ann, ask, now)
		noError(t, err)
		if len(secret) < 40 || secret[:5] != control.TokenPrefix {
			t.Fatal("the secret is short, or has not its prefix")
		}
		_, _, err = w.CreateToken(ctx, w.ann, ask, now)
		wantCode(t, "the same name twice", err, cdds.CodeConflict)
		_, other, err := w.CreateToken(ctx, w.bob, ask, now)
		noError(t, err)

		by := got(w.CallerByToken(ctx, secret, "192.0.2.7", at(time.Hour)))(t)
		equal(t, "who", []string{by.User.ID, by.Address, by.Token.ID}, []string{w.ann.User.ID, "192.0.2.7", token.ID})
		for action, want := range map[cdds.Action]bool{
			cdds.ActionSignedIn: true, cdds.ActionSeeJobs: true, cdds.ActionDownload: true,
			cdds.ActionStartRuns: false, cdds.ActionManageJobs: false, cdds.ActionOwnTokens: false, cdds.ActionOwnSessions: false, cdds.ActionOwnPreferences: false,
		} {
			equal(t, string(action), by.Can(action), want)
		}
		equal(t, "last use", got(w.st.TokensOf(ctx, w.ann.User.ID))(t)[0].LastUsedAt, at(time.Hour))
		got(w.CallerByToken(ctx, secret, "", at(time.Hour+time.Second)))(t)
		equal(t, "last use, to the minute", got(w.st.TokensOf(ctx, w.ann.User.ID))(t)[0].LastUsedAt, at(time.Hour))

		refused := func(what, secret string, now time.Time) {
			t.Helper()
			_, err := w.CallerByToken(ctx, secret, "", now)
			wantCode(t, what, err, cdds.CodeUnauthenticated)
		}
		refused("an unknown secret", secret+"x", now)
		refused("no secret", "", now)
		refused("its id", token.ID, now)
		refused("at its end", secret, at(48*time.Hour))
		wantCode(t, "revoke another's", w.RevokeToken(ctx, w.ann, other.ID, now), cdds.CodeNotFound)
		noError(t, w.RevokeToken(ctx, w.ann, token.ID, now))
		refused("revoked", secret, now)
		wantCode(t, "revoke twice", w.RevokeToken(ctx, w.ann, token.ID, now), cdds.CodeNotFound)

		secret, _, err = w.CreateToken(ctx, w.ann, ask, now)
		noError(t, err)
		off := got(w.st.User(ctx, w.ann.User.ID))(t)
		off.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, off) })
		refused("of a user who was deactivated", secret, now)
		page := got(w.st.Audit(ctx, store.AuditQuery{TenantID: w.ann.User.TenantID, Text: token.ID}))(t)
		equal(t, "lines of the audit log", page.Total, int64(2))
	})
}
