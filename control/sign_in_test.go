package control_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// TestSignInRefusals: all refusals are the same, down to the last letter.
func TestSignInRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, tenant := range []string{"Alpha", "Beta"} {
			w.user(t, "twin", tenant, 0)
		}
		gone := w.user(t, "gone", "Alpha", 0)
		gone.User.Active = false
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, gone.User) })
		refusals := map[string]bool{}
		for what, cred := range map[string]control.Credentials{
			"unknown":         {Username: "nobody", Password: password},
			"wrong password":  {Username: "ann", Password: "wrong horse battery"},
			"no password":     {Username: "ann"},
			"another tenant":  {Username: "ann", Tenant: "Beta", Password: password},
			"unknown tenant":  {Username: "ann", Tenant: "Gamma", Password: password},
			"inactive":        {Username: "gone", Password: password},
			"in two tenants":  {Username: "twin", Password: password},
			"the decoy":       {Username: "nobody", Password: "a password that nobody has"},
			"nothing at all":  {},
			"another's wrong": {Username: "twin", Tenant: "Beta", Password: "wrong horse battery"},
		} {
			in, err := w.SignIn(t.Context(), cred, from, now)
			wantCode(t, what, err, cdds.CodeUnauthenticated)
			equal(t, what+": what it gives", in, control.SignedIn{})
			var e *cdds.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s: got %T", what, err)
			}
			refusals[e.Error()+e.Hint] = true
		}
		if len(refusals) != 1 {
			t.Fatalf("the refusals can be told apart: %v", refusals)
		}
		w.signIn(t, control.Credentials{Username: "twin", Tenant: "Beta", Password: password})
	})
}

func TestAddUserAndSetPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		add := func(nu control.NewUser) error {
			_, err := w.AddUser(t.Context(), nu, now)
			return err
		}
		good := control.NewUser{Username: "new", Password: password, Role: cdds.RoleViewer, Tenant: "Alpha"}
		noError(t, add(good))
		wantCode(t, "the same name twice", add(good), cdds.CodeConflict)
		for what, c := range map[string]struct {
			change func(nu *control.NewUser)
			code   cdds.Code
		}{
			"another number of the tenant": {func(nu *control.NewUser) { nu.TenantSourceID = 999 }, cdds.CodeConflict},
			"a new tenant without number":  {func(nu *control.NewUser) { nu.Tenant = "Gamma" }, cdds.CodeInvalid},
			"a number of another tenant":   {func(nu *control.NewUser) { nu.Tenant, nu.TenantSourceID = "Gamma", 102 }, cdds.CodeConflict},
			"a role that does not exist":   {func(nu *control.NewUser) { nu.Role = "king" }, cdds.CodeInvalid},
			"a short password":             {func(nu *control.NewUser) { nu.Password = "short" }, cdds.CodeInvalid},
			"no name":                      {func(nu *control.NewUser) { nu.Username = "" }, cdds.CodeInvalid},
			"no tenant":                    {func(nu *control.NewUser) { nu.Tenant = "" }, cdds.CodeInvalid},
		} {
			nu := good
			nu.Username = "another"
			c.change(&nu)
			wantCode(t, what, add(nu), c.code)
		}
		w.user(t, "new", "Beta", 0)
		set := func(tenant, password string) error {
			return w.SetPassword(t.Context(), "new", tenant, password, now)
		}
		wantCode(t, "in several tenants", set("", password), cdds.CodeInvalid)
		wantCode(t, "in none", set("Gamma", password), cdds.CodeNotFound)
		wantCode(t, "short", set("Beta", "short"), cdds.CodeInvalid)
		noError(t, set("Beta", "another long password"))
		w.signIn(t, control.Credentials{Username: "new", Tenant: "Beta", Password: "another long password"})
		w.signIn(t, control.Credentials{Username: "new", Tenant: "Alpha", Password: password})
	})
}

func TestImportCertificate(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		key, err := keyPair()
		noError(t, err)
		secret := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		before := got(w.st.Certificate(t.Context(), w.ann.User.ID))(t)
		for what, data := range map[string][]byte{
			"nothing": nil, "garbage": []byte("garbage"), "a private key": secret,
			"expired": certificate(t, 2015, 2019), "not valid yet": certificate(t, 2021, 2022),
		} {
			_, err := w.ImportCertificate(t.Context(), w.ann, data, now)
			wantCode(t, what, err, cdds.CodeInvalid)
			if strings.Contains(err.Error(), "MII") {
				t.Fatalf("%s: the refusal shows the data", what)
			}
		}
		equal(t, "the certificate after refusals", got(w.st.Certificate(t.Context(), w.ann.User.ID))(t), before)
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t, 2016, 2098)})
		cert := got(w.ImportCertificate(t.Context(), w.ann, text, now))(t)
		equal(t, "the new certificate", got(w.st.Certificate(t.Context(), w.ann.User.ID))(t), cert)
		page := got(w.st.Audit(t.Context(), store.AuditQuery{TenantID: w.ann.User.TenantID, Action: "certificate.import"}))(t)
		equal(t, "lines of the audit log", page.Total, int64(2))
		equal(t, "what the line names", page.Items[0].Object, cert.Fingerprint)
	})
}

// TestWhoFailsTooOftenWaits guesses the password of a user who is there and of
// one who is not: both are slowed down alike, and a sign-in that works starts
// anew.
func TestWhoFailsTooOftenWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		try := func(name, password, address string, now time.Time) error {
			_, err := w.SignIn(t.Context(), control.Credentials{Username: name, Password: password}, control.Browser{Address: address}, now)
			return err
		}
		for _, name := range []string{"ann", "Ann", "nobody"} {
			address := "198.51.100." + map[string]string{"ann": "1", "Ann": "2", "nobody": "3"}[name]
			for range 5 {
				wantCode(t, name+", a guess", try(name, "wrong horse battery", address, now), cdds.CodeUnauthenticated)
			}
			err := try(name, password, address, now)
			wantCode(t, name+", the right password too soon", err, cdds.CodeLimited)
			var limited *cdds.Error
			if !errors.As(err, &limited) || limited.RetryAfter != time.Second {
				t.Fatalf("%s: the error is %+v", name, err)
			}
			wantCode(t, name+", a guess in time", try(name, "wrong horse battery", address, at(time.Second)), cdds.CodeUnauthenticated)
			wantCode(t, name+", the next one waits longer", try(name, "wrong horse battery", address, at(2*time.Second)), cdds.CodeLimited)
		}
		noError(t, try("ann", password, "192.0.2.99", at(2*time.Second))) // from elsewhere she is not kept out
		noError(t, try("ann", password, "198.51.100.1", at(time.Hour)))
		for range 5 {
			wantCode(t, "after a success", try("ann", "wrong horse battery", "198.51.100.1", at(time.Hour)), cdds.CodeUnauthenticated)
		}
		noError(t, w.ForgetOld(t.Context(), at(26*time.Hour)))
		noError(t, try("ann", password, "198.51.100.1", at(26*time.Hour)))
	})
}

// TestOldHashesAreMadeAnew signs in with a password whose hash was cheaper.
func TestOldHashesAreMadeAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		weak, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		noError(t, err)
		user := got(w.st.User(t.Context(), w.ann.User.ID))(t)
		user.PasswordHash = weak
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, user) })
		w.signIn(t, control.Credentials{Username: "ann", Password: password})
		strong := got(w.st.User(t.Context(), user.ID))(t).PasswordHash
		if strong == weak {
			t.Fatal("the old hash is kept")
		}
		w.signIn(t, control.Credentials{Username: "ann", Password: password})
		equal(t, "the new hash", got(w.st.User(t.Context(), user.ID))(t).PasswordHash, strong)
	})
}
