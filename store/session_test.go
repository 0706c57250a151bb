package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// addSession adds a session of a user, of a remembered browser where one is
// named.
func (w *world) addSession(t testing.TB, id, userID, browserID string, ends time.Duration) store.Session {
	t.Helper()
	s := store.Session{ID: id, TokenHash: "hash of " + id, UserID: userID, CreatedAt: now, SeenAt: now, ExpiresAt: at(ends),
		RememberedID: browserID, Address: "192.0.2.1", Browser: "Firefox 131 on Linux"}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSession(ctx, s) })
	return s
}

// addBrowser adds a remembered browser of a user, whose first secret is known.
func (w *world) addBrowser(t testing.TB, id, userID string, ends time.Duration) store.RememberedBrowser {
	t.Helper()
	b := store.RememberedBrowser{ID: id, UserID: userID, CreatedAt: now, UsedAt: now, ExpiresAt: at(ends), Address: "192.0.2.1"}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertRememberedBrowser(ctx, b, "secret of "+id)
	})
	return b
}

// places are the names of a user's sessions and remembered browsers.
func (w *world) places(t testing.TB, userID string) []string {
	t.Helper()
	names := []string{}
	for _, s := range got(w.st.SessionsOf(t.Context(), userID, now))(t) {
		names = append(names, s.ID)
	}
	for _, b := range got(w.st.RememberedBrowsersOf(t.Context(), userID, now))(t) {
		names = append(names, b.ID)
	}
	return names
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.addBrowser(t, "b1", "user-a", 4*time.Hour)
		short, long, other := w.addSession(t, "s1", "user-a", "", time.Hour), w.addSession(t, "s2", "user-a", "b1", 2*time.Hour), w.addSession(t, "s3", "user-b", "", 3*time.Hour)
		for _, s := range []store.Session{short, long, other} {
			equal(t, "session", got(w.st.Session(ctx, s.TokenHash))(t), s)
			equal(t, "by its name", got(w.st.SessionByID(ctx, s.ID))(t), s)
		}
		equal(t, "of a user", got(w.st.SessionsOf(ctx, "user-a", now))(t), []store.Session{short, long})
		equal(t, "that have not ended", got(w.st.SessionsOf(ctx, "user-a", at(time.Hour)))(t), []store.Session{long})
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.TouchSession(ctx, short.TokenHash, at(time.Minute), at(4*time.Hour)); err != nil {
				return err
			}
			return tx.TouchSession(ctx, "gone", now, now)
		})
		short.SeenAt, short.ExpiresAt = at(time.Minute), at(4*time.Hour)
		equal(t, "after touch", got(w.st.Session(ctx, short.TokenHash))(t), short)

		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteOldSessions(ctx, at(2*time.Hour)) })
		equal(t, "after the old ones are removed", w.places(t, "user-a"), []string{"s1", "b1"})
		_, err := w.st.Session(ctx, long.TokenHash)
		wantCode(t, err, cdds.CodeNotFound)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteOldSessions(ctx, at(4*time.Hour)) })
		equal(t, "after all are", w.places(t, "user-a"), []string{})
		for range 2 {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSession(ctx, other.TokenHash) })
		}
		equal(t, "the other user's", w.places(t, "user-b"), []string{})
	})
}

// TestEndingSessions ends some of ann's sessions; another user's stay.
func TestEndingSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		begin := func() {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSessionsOf(ctx, "user-a") })
			w.addBrowser(t, "b1", "user-a", time.Hour)
			w.addBrowser(t, "b2", "user-a", time.Hour)
			w.addSession(t, "s1", "user-a", "", time.Hour)
			w.addSession(t, "s2", "user-a", "b1", time.Hour)
			w.addSession(t, "s3", "user-a", "b2", time.Hour)
		}
		w.addBrowser(t, "other-b", "user-b", time.Hour)
		other := w.addSession(t, "other-s", "user-b", "other-b", time.Hour)
		end := func(id string) func(ctx context.Context, tx *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error { return tx.EndSession(ctx, "user-a", id) }
		}
		for id, left := range map[string][]string{
			"s1": {"s2", "s3", "b1", "b2"},
			"s2": {"s1", "s3", "b2"}, // its browser would make another one
			"b1": {"s1", "s3", "b2"},
		} {
			begin()
			w.tx(t, end(id))
			equal(t, "after the end of "+id, w.places(t, "user-a"), left)
			wantCode(t, w.tryTx(end(id)), cdds.CodeNotFound)
		}
		for _, id := range []string{other.ID, "other-b", "missing", ""} {
			wantCode(t, w.tryTx(end(id)), cdds.CodeNotFound)
		}
		for keep, want := range map[store.Session]struct {
			ended int64
			left  []string
		}{
			{ID: "s1", UserID: "user-a"}:                     {2, []string{"s1"}},
			{ID: "s2", UserID: "user-a", RememberedID: "b1"}: {2, []string{"s2", "b1"}},
		} {
			begin()
			var ended int64
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				ended, err = tx.EndOtherSessions(ctx, keep)
				return err
			})
			equal(t, "places signed out", ended, want.ended)
			equal(t, "after the end of all but "+keep.ID, w.places(t, "user-a"), want.left)
		}
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteSessionsOf(ctx, "user-a") })
		equal(t, "after the end of all", w.places(t, "user-a"), []string{})
		equal(t, "of the other user", w.places(t, "user-b"), []string{"other-s", "other-b"})
	})
}

func TestRememberedBrowsers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		b := w.addBrowser(t, "b1", "user-a", time.Hour)
		w.addSession(t, "s1", "user-a", "b1", time.Hour)
		w.addSession(t, "s2", "user-a", "", time.Hour)
		equal(t, "browser", got(w.st.RememberedBrowser(ctx, "b1"))(t), b)
		equal(t, "of a user", got(w.st.RememberedBrowsersOf(ctx, "user-a", now))(t), []store.RememberedBrowser{b})
		equal(t, "that have not expired", len(got(w.st.RememberedBrowsersOf(ctx, "user-a", at(time.Hour)))(t)), 0)
		equal(t, "its secret", got(w.st.RememberSecret(ctx, "secret of b1"))(t), store.RememberSecret{Hash: "secret of b1", BrowserID: "b1"})

		exchanged := store.RememberSecret{Hash: "secret of b1", BrowserID: "b1", ExchangedAt: at(time.Minute), Salt: "salt"}
		exchange := func(ctx context.Context, tx *store.Tx) error { return tx.ExchangeSecret(ctx, exchanged, "next secret") }
		w.tx(t, exchange)
		wantCode(t, w.tryTx(exchange), cdds.CodeConflict)
		equal(t, "the exchanged secret", got(w.st.RememberSecret(ctx, "secret of b1"))(t), exchanged)
		equal(t, "the next secret", got(w.st.RememberSecret(ctx, "next secret"))(t), store.RememberSecret{Hash: "next secret", BrowserID: "b1"})
		equal(t, "its session has ended, and no other", w.places(t, "user-a"), []string{"s2", "b1"})

		b.UsedAt, b.Address, b.Browser = at(time.Minute), "192.0.2.2", "curl 8"
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.TouchRememberedBrowser(ctx, b) })
		equal(t, "after its use", got(w.st.RememberedBrowser(ctx, "b1"))(t), b)
		w.addSession(t, "s3", "user-a", "b1", time.Hour)
		for range 2 {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.ForgetBrowser(ctx, "b1") })
		}
		equal(t, "after it is forgotten", w.places(t, "user-a"), []string{"s2"})
		for _, hash := range []string{"secret of b1", "next secret"} {
			_, err := w.st.RememberSecret(ctx, hash)
			wantCode(t, err, cdds.CodeNotFound)
		}
		_, err := w.st.RememberedBrowser(ctx, "b1")
		wantCode(t, err, cdds.CodeNotFound)
	})
}

// TestRenewPassword keeps a password that was changed meanwhile.
func TestRenewPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		renew := func(old, renewed string) (held bool) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
				held, err = tx.RenewPassword(ctx, "user-a", old, renewed)
				return err
			})
			return held
		}
		equal(t, "as it was", renew("h1", "h1 renewed"), true)
		equal(t, "changed meanwhile", renew("h1", "of an old password"), false)
		want := w.alpha
		want.PasswordHash = "h1 renewed"
		var locked cdds.User
		w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
			locked, err = tx.LockUser(ctx, "user-a")
			return err
		})
		equal(t, "the user", locked, want)
		equal(t, "the other user", got(w.st.User(t.Context(), "user-b"))(t), w.beta)
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { _, err := tx.LockUser(ctx, "nobody"); return err }), cdds.CodeNotFound)
	})
}
