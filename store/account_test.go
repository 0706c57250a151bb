package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

func TestTenants(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		want := cdds.Tenant{ID: "tenant-a", Name: "Alpha", SourceID: 101, CreatedAt: now}
		equal(t, "by id", got(w.st.Tenant(ctx, "tenant-a"))(t), want)
		equal(t, "by name", got(w.st.TenantNamed(ctx, "Alpha"))(t), want)
		equal(t, "number of tenants", len(got(w.st.Tenants(ctx))(t)), 2)
		_, err := w.st.Tenant(ctx, "nobody")
		wantCode(t, err, cdds.CodeNotFound)
		_, err = w.st.TenantNamed(ctx, "nobody")
		wantCode(t, err, cdds.CodeNotFound)
		for _, clash := range []cdds.Tenant{
			{ID: "x", Name: "Alpha", SourceID: 999, CreatedAt: now},
			{ID: "x", Name: "Gamma", SourceID: 101, CreatedAt: now},
			{ID: "tenant-a", Name: "Gamma", SourceID: 999, CreatedAt: now},
		} {
			wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertTenant(ctx, clash) }), cdds.CodeConflict)
		}
	})
}

func TestUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		equal(t, "by id", got(w.st.User(ctx, "user-a"))(t), w.alpha)
		equal(t, "of all tenants by name", got(w.st.UsersNamed(ctx, "ann", ""))(t), []cdds.User{w.alpha, w.beta})
		equal(t, "of one tenant by name", got(w.st.UsersNamed(ctx, "ann", "Beta"))(t), []cdds.User{w.beta})
		equal(t, "unknown", len(got(w.st.UsersNamed(ctx, "bob", ""))(t)), 0)
		equal(t, "list", got(w.st.Users(ctx, "tenant-b"))(t), []cdds.User{w.beta})
		equal(t, "list of all", got(w.st.Users(ctx, ""))(t), []cdds.User{w.alpha, w.beta})
		_, err := w.st.User(ctx, "nobody")
		wantCode(t, err, cdds.CodeNotFound)

		bob := w.alpha
		bob.ID, bob.Username = "user-bob", "bob"
		double := bob
		double.ID = "user-bob-2"
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, bob) })
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, double) }), cdds.CodeConflict)

		bob.Username, bob.PasswordHash, bob.Role, bob.Active = "bert", "h3", cdds.RoleNone, false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, bob) })
		equal(t, "after the update", got(w.st.User(ctx, bob.ID))(t), bob)
		bob.Username = "ann"
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, bob) }), cdds.CodeConflict)
		bob.TenantID = "tenant-b"
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, bob) }), cdds.CodeNotFound)
	})
}

func TestCertificates(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, err := w.st.Certificate(ctx, "user-a")
		wantCode(t, err, cdds.CodeNotFound)
		cert := cdds.Certificate{DER: []byte{0, 1, 255}, Subject: "CN=ann", Issuer: "CN=ann", Serial: "0f", NotBefore: at(-time.Hour),
			NotAfter: at(time.Hour), Fingerprint: "aa", KeyBits: 2048}
		for _, subject := range []string{"CN=ann", "CN=ann,O=two"} {
			cert.Subject = subject
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.PutCertificate(ctx, "tenant-a", "user-a", cert, now)
			})
			equal(t, "certificate", got(w.st.Certificate(ctx, "user-a"))(t), cert)
		}
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error {
			return tx.PutCertificate(ctx, "tenant-b", "user-a", cert, now)
		}), cdds.CodeNotFound)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteCertificate(ctx, "user-a") })
		wantCode(t, w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteCertificate(ctx, "user-a") }), cdds.CodeNotFound)
	})
}

func TestIdempotencyKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		record := store.IdempotencyRecord{UserID: "user-a", Key: "k", Request: "r", ObjectID: "o", CreatedAt: now}
		remember := func(ctx context.Context, tx *store.Tx) error { return tx.Remember(ctx, record) }
		w.tx(t, remember)
		equal(t, "record", got(w.st.Remembered(ctx, "user-a", "k"))(t), record)
		wantCode(t, w.tryTx(remember), cdds.CodeConflict)
		_, err := w.st.Remembered(ctx, "user-b", "k")
		wantCode(t, err, cdds.CodeNotFound)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.ForgetOld(ctx, now) })
		equal(t, "record of the same moment", got(w.st.Remembered(ctx, "user-a", "k"))(t), record)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.ForgetOld(ctx, at(time.Second)) })
		_, err = w.st.Remembered(ctx, "user-a", "k")
		wantCode(t, err, cdds.CodeNotFound)
	})
}

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(user cdds.User, action, object, detail string) {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertAudit(ctx, store.AuditEntry{TenantID: user.TenantID, UserID: user.ID, Username: user.Username,
					Action: action, Object: object, Detail: detail, Address: "127.0.0.1", At: now})
			})
		}
		add(w.alpha, "job.create", "job-1", "Ärger 100%")
		add(w.alpha, "run.start", "run-1", "of job-1")
		add(w.beta, "job.create", "job-2", "")
		for _, c := range []struct {
			text, action string
			want         int
		}{
			{"", "", 2}, {"", "job.create", 1}, {"ÄRGER", "", 1}, {"100%", "", 1}, {"1%", "", 0}, {"ANN", "", 2}, {"job-1", "", 2}, {"job-2", "", 0},
		} {
			page := got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: "tenant-a", Text: c.text, Action: c.action}))(t)
			equal(t, "lines for "+c.text+" "+c.action, len(page.Items), c.want)
			equal(t, "total", page.Total, int64(c.want))
		}
		newest := got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: "tenant-a"}))(t).Items[0]
		equal(t, "length of the hash", len(newest.Hash), 64)
		newest.ID, newest.Hash = 0, ""
		equal(t, "line", newest, store.AuditEntry{TenantID: "tenant-a", Number: 2, UserID: "user-a", Username: "ann", Action: "run.start",
			Object: "run-1", Detail: "of job-1", Result: store.AuditDone, Times: 1, Address: "127.0.0.1", At: now})
	})
}
