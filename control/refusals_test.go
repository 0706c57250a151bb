package control_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// refused returns the refused lines of a tenant's log, oldest first.
func (w *world) refused(t testing.TB, tenantID string) []store.AuditEntry {
	t.Helper()
	return got(w.st.AuditAfter(t.Context(), store.AuditQuery{TenantID: tenantID, Result: string(store.AuditRefused)}, 0, 1<<40, 1000))(t)
}

// TestRefusedSignInsAreLogged: where the credentials name a user, its tenant's
// log has the line; else that of the deployment, and nothing of what was typed.
func TestRefusedSignInsAreLogged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.user(t, "twin", "Alpha", 0)
		w.user(t, "twin", "Beta", 0)
		for _, cred := range []control.Credentials{
			{Username: "ann", Password: "typed secret one"}, {Username: "ann", Tenant: "Alpha", Password: "typed secret two"},
			{Username: "typed nobody", Password: password}, {Username: "ann", Tenant: "typed tenant", Password: password}, {Username: "twin", Password: password},
		} {
			_, err := w.SignIn(t.Context(), cred, control.Browser{Address: "192.0.2.9"}, now)
			wantCode(t, "sign-in", err, cdds.CodeUnauthenticated)
		}
		equal(t, "lines before the writing", len(w.refused(t, w.ann.User.TenantID)), 0)
		noError(t, w.WriteRefusals(t.Context(), false, now))
		mine := w.refused(t, w.ann.User.TenantID)
		equal(t, "lines", len(mine), 1)
		equal(t, "line", []any{mine[0].UserID, mine[0].Username, mine[0].Action, mine[0].Detail, mine[0].Times, mine[0].Address, mine[0].At},
			[]any{w.ann.User.ID, "ann", "session.create", "unauthenticated", int64(2), "192.0.2.9", now})
		others := w.refused(t, store.NoTenant)
		equal(t, "lines of nobody", len(others), 1)
		equal(t, "line of nobody", []any{others[0].UserID, others[0].Username, others[0].Times, others[0].Address}, []any{"", "", int64(3), "192.0.2.9"})
		for _, e := range append(mine, others...) {
			if strings.Contains(fmt.Sprintf("%+v", e), "typed") {
				t.Errorf("the line holds what was typed: %+v", e)
			}
		}
	})
}

// TestWhoHasToWaitIsLogged: sign-ins that are not even looked at.
func TestWhoHasToWaitIsLogged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		limited := 0
		for range 12 {
			_, err := w.SignIn(t.Context(), control.Credentials{Username: "ann", Password: "wrong"}, control.Browser{Address: "192.0.2.9"}, now)
			if cdds.CodeOf(err) == cdds.CodeLimited {
				limited++
			}
		}
		noError(t, w.WriteRefusals(t.Context(), true, now))
		lines := w.refused(t, store.NoTenant)
		equal(t, "lines", len(lines), 1)
		equal(t, "line", []any{lines[0].Detail, lines[0].Times}, []any{"limited", int64(limited)})
		equal(t, "the others", w.refused(t, w.ann.User.TenantID)[0].Times, int64(12-limited))
	})
}

// TestEqualRefusalsBecomeOneLine: the first is written at once, those of the
// next minute together, and a kind that does not come again is forgotten.
func TestEqualRefusalsBecomeOneLine(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		refusal := control.Refusal{By: w.ann, Action: "job.delete", Object: "job-1", Reason: "forbidden"}
		times := func() (all []int64) {
			for _, e := range w.refused(t, w.ann.User.TenantID) {
				all = append(all, e.Times)
			}
			return all
		}
		second := 0
		step := func(refusals int) {
			for range refusals {
				w.Refused(refusal, at(time.Duration(second)*time.Second))
			}
			second++
			noError(t, w.WriteRefusals(t.Context(), false, at(time.Duration(second)*time.Second)))
		}
		step(1)
		equal(t, "at once", times(), []int64{1})
		for range 59 {
			step(10)
		}
		equal(t, "within the minute", times(), []int64{1})
		step(10)
		equal(t, "after the minute", times(), []int64{1, 600})
		for range 130 {
			step(0)
		}
		equal(t, "silence", times(), []int64{1, 600})
		step(3)
		equal(t, "again", times(), []int64{1, 600, 3})
		step(2)
		noError(t, w.WriteRefusals(t.Context(), true, at(time.Duration(second)*time.Second)))
		equal(t, "at a stop", times(), []int64{1, 600, 3, 2})
		noError(t, w.WriteRefusals(t.Context(), true, at(time.Duration(second)*time.Second)))
		equal(t, "nothing is left", times(), []int64{1, 600, 3, 2})
	})
}

// TestRefusalsCannotFillTheDisk sends 200,000 attempts, all of them different,
// within a minute: few lines come of them, and their counts lose none. Another
// tenant's refusals are not lost among them.
func TestRefusalsCannotFillTheDisk(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const attempts, most = 200_000, 26
		for i := range attempts {
			by := control.Caller{Address: fmt.Sprintf("2001:db8::%x", i)}
			w.Refused(control.Refusal{By: by, Action: "job.delete", Reason: "unauthenticated"}, now)
			if i%(attempts/20) == 0 {
				noError(t, w.WriteRefusals(t.Context(), false, at(time.Duration(i)*time.Minute/attempts)))
			}
		}
		w.Refused(control.Refusal{By: w.bob, Action: "job.delete", Reason: "forbidden"}, now)
		noError(t, w.WriteRefusals(t.Context(), true, at(time.Minute)))
		lines := w.refused(t, store.NoTenant)
		sum := int64(0)
		for _, e := range lines {
			sum += e.Times
		}
		equal(t, "attempts that were counted", sum, attempts)
		if len(lines) > 2*most {
			t.Errorf("%d lines for a minute", len(lines))
		}
		bobs := w.refused(t, w.bob.User.TenantID)
		equal(t, "the other tenant's", len(bobs), 1)
		equal(t, "the other tenant's action", bobs[0].Action, "job.delete")
	})
}

// TestRefusalsOutlastADatabaseThatIsGone: what cannot be written is written
// later, once.
func TestRefusalsOutlastADatabaseThatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		refusal := control.Refusal{By: w.ann, Action: "job.delete", Reason: "forbidden"}
		w.Refused(refusal, now)
		for range 3 {
			if err := w.WriteRefusals(gone, false, now); err == nil {
				t.Fatal("the writing did not fail")
			}
		}
		w.Refused(refusal, at(time.Second))
		noError(t, w.WriteRefusals(t.Context(), false, at(time.Second)))
		lines := w.refused(t, w.ann.User.TenantID)
		equal(t, "lines", len(lines), 1)
		equal(t, "line", []any{lines[0].Times, lines[0].At}, []any{int64(2), at(time.Second)})
	})
}

// TestRefusalsOfManyAtOnce: nothing is lost or doubled while it is written.
func TestRefusalsOfManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const senders, each = 16, 500
		var group sync.WaitGroup
		for range senders {
			group.Go(func() {
				for range each {
					w.Refused(control.Refusal{By: w.ann, Action: "job.delete", Reason: "forbidden"}, now)
				}
			})
		}
		for i := range 5 {
			noError(t, w.WriteRefusals(t.Context(), true, at(time.Duration(i)*time.Second)))
		}
		group.Wait()
		noError(t, w.WriteRefusals(t.Context(), true, at(time.Minute)))
		sum := int64(0)
		for _, e := range w.refused(t, w.ann.User.TenantID) {
			sum += e.Times
		}
		equal(t, "attempts", sum, senders*each)
		equal(t, "break", got(w.st.CheckChain(t.Context(), w.ann.User.TenantID, nil))(t).Broken, nil)
	})
}

// TestWhoDidItIsNamed: the operator, the service, and the token that was used.
func TestWhoDidItIsNamed(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		_, token, err := w.CreateToken(t.Context(), w.ann, cdds.Token{Name: "warehouse", Scopes: []cdds.Scope{cdds.ScopeAdminister}, ExpiresAt: at(time.Hour)}, now)
		noError(t, err)
		job := w.create(t, spec())
		by := w.ann
		by.Token = &token
		noError(t, w.DeleteJob(t.Context(), by, job.ID, now))
		w.finish(t, w.oneRun(t, w.create(t, onceSpec(time.Time{})).ID))
		equal(t, "expired", got(w.ExpireArtifacts(t.Context(), at(25*time.Hour), 10))(t), 1)
		who := map[string][2]string{}
		for _, e := range got(w.st.AuditAfter(t.Context(), store.AuditQuery{TenantID: w.ann.User.TenantID}, 0, 1<<40, 1000))(t) {
			who[e.Action] = [2]string{e.Username, e.Token}
		}
		for action, want := range map[string][2]string{
			"tenant.create": {"(operator)"}, "user.create": {"(operator)"}, "job.create": {"ann"}, "job.delete": {"ann", token.ID}, "artifact.expire": {"(service)"},
		} {
			equal(t, "who did "+action, who[action], want)
		}
	})
}
