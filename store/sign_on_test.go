package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestIdentities(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const issuer = "https://issuer.example"
		add := func(user cdds.User, subject string) error {
			return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdentity(ctx, user, issuer, subject, now)
			})
		}
		noError(t, add(w.alpha, "s-1"))
		wantCode(t, add(w.beta, "s-1"), cdds.CodeConflict)
		wantCode(t, add(w.alpha, "s-2"), cdds.CodeConflict)
		equal(t, "the user", got(w.st.UserByIdentity(ctx, issuer, "s-1"))(t), w.alpha)
		for _, key := range [][2]string{{issuer, "s-2"}, {issuer, "S-1"}, {"https://other.example", "s-1"}, {"", ""}} {
			_, err := w.st.UserByIdentity(ctx, key[0], key[1])
			wantCode(t, err, cdds.CodeNotFound)
		}
		stranger := w.alpha
		stranger.TenantID = "tenant-b"
		if add(stranger, "s-3") == nil {
			t.Fatal("a user of another tenant was taken")
		}
	})
}

// TestSignOnAttemptsAreBounded: whoever begins attempts by the thousand fills no
// disk, and the newest are kept.
func TestSignOnAttemptsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		noError(t, w.exec(`INSERT INTO sign_on_attempts (key_hash, return_to, expires_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT 'old-' || i, '/', 1000 + i FROM n`))
		for _, key := range []string{"new-1", "new-2"} {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertSignOnAttempt(ctx, key, "/jobs", at(time.Minute))
			})
		}
		take := func(key string) error {
			return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.TakeSignOnAttempt(ctx, key, time.UnixMicro(1))
				return err
			})
		}
		wantCode(t, take("old-1"), cdds.CodeNotFound)
		wantCode(t, take("old-2"), cdds.CodeNotFound)
		for _, key := range []string{"old-3", "old-10000", "new-1", "new-2"} {
			noError(t, take(key))
		}
	})
}
