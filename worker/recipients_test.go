package worker_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/export"
)

// recipient gives Ann's tenant a recipient whose certificate is valid until the
// given year.
func (w *world) recipient(t testing.TB, title string, until int) cdds.Recipient {
	t.Helper()
	key, err := keyPair()
	noError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(until)), Subject: pkix.Name{CommonName: title},
		NotBefore: time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(until, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	noError(t, err)
	r, err := w.ctl.AddRecipient(t.Context(), w.ann, title, der, template.NotAfter.AddDate(-1, 0, 0))
	noError(t, err)
	return r
}

// TestAllRecipients exports to the owner and to all recipients of the tenant, one
// of whom is the owner too.
func TestAllRecipients(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		own, err := w.st.Certificate(t.Context(), w.ann.User.ID)
		noError(t, err)
		escrow := w.recipient(t, "Escrow", 2097)
		_, err = w.ctl.AddRecipient(t.Context(), w.ann, "Ann herself", own.DER, now)
		noError(t, err)
		noError(t, w.ctl.ChooseEncryption(t.Context(), w.ann, cdds.EncryptionAuthenticated, now))
		run := w.everything(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		w.wantState(t, run.ID, cdds.RunFinished)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		equal(t, "recipients", files[0].Recipients, []string{own.Fingerprint, escrow.Certificate.Fingerprint})
		equal(t, "encryption", files[0].Encryption, cdds.EncryptionAuthenticated)
		text, err := w.st.Manifest(t.Context(), run.TenantID, run.ID)
		noError(t, err)
		m, err := export.ParseManifest(text)
		noError(t, err)
		equal(t, "encryption in the manifest", m.Encryption, export.ManifestEncryption{Content: "AES-256-GCM", KeyTransport: "RSA-OAEP with SHA-256"})
		equal(t, "recipients in the manifest", len(m.Recipients), 2)
	})
}

// TestExpiredRecipient fails the run before it reads anything: a recipient is not
// left out.
func TestExpiredRecipient(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.recipient(t, "Second officer", 2097)
		old := w.recipient(t, "Escrow of 2019", 2019)
		run := w.everything(t)
		noError(t, w.Do(t.Context(), run.ID, 1))
		failed := w.wantState(t, run.ID, cdds.RunFailed)
		equal(t, "code", failed.Failure.Code, cdds.CodeInvalid)
		for _, part := range []string{"recipient \"Escrow of 2019\" cannot be used", "expired on 2019-01-01"} {
			if !strings.Contains(failed.Failure.Message, part) {
				t.Errorf("the run says %q, without %q", failed.Failure.Message, part)
			}
		}
		equal(t, "reads", w.source.readCount(), 0)
		equal(t, "stored", len(w.objects(t)), 0)
		noError(t, w.ctl.RemoveRecipient(t.Context(), w.ann, old.ID, now))
		again := w.everything(t)
		noError(t, w.Do(t.Context(), again.ID, 1))
		w.wantState(t, again.ID, cdds.RunFinished)
	})
}

// TestStartOverForAnotherEncryption changes, between two attempts of a split run,
// how it is encrypted, and then to whom: no part of the old way becomes an
// artifact.
func TestStartOverForAnotherEncryption(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.failWhenKept(run.ID, 3, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		var old []string
		for attempt, change := range []func() error{
			func() error {
				return w.ctl.ChooseEncryption(t.Context(), w.ann, cdds.EncryptionAuthenticated, now)
			},
			func() error { w.recipient(t, "Escrow", 2097); return nil },
		} {
			kept := w.kept(t, run.ID)
			if len(kept) < 3 {
				t.Fatalf("only %d parts were kept", len(kept))
			}
			for _, k := range kept {
				old = append(old, k.Key)
			}
			noError(t, change())
			w.failWhenKept(run.ID, 3, errGone)
			noError(t, w.Do(t.Context(), run.ID, attempt+2))
		}
		w.source.beforeReads(nil)
		noError(t, w.Do(t.Context(), run.ID, 4))
		w.wantState(t, run.ID, cdds.RunFinished)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		for _, f := range files {
			equal(t, "encryption", f.Encryption, cdds.EncryptionAuthenticated)
			equal(t, "recipients", len(f.Recipients), 2)
			if slices.Contains(old, f.Key) {
				t.Errorf("%s was encrypted in the old way and became an artifact", f.Key)
			}
		}
		equal(t, "stored", len(w.objects(t)), len(files))
	})
}

// TestGoOnBehindPartsOfBefore goes on behind parts that a version without the
// choice has stored: they say nothing of their encryption.
func TestGoOnBehindPartsOfBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.large(t)
		w.failWhenKept(run.ID, 2, errGone)
		noError(t, w.Do(t.Context(), run.ID, 1))
		kept := w.kept(t, run.ID)
		for _, k := range kept {
			var body map[string]any
			noError(t, json.Unmarshal(k.Body, &body))
			delete(body, "encryption")
			text, err := json.Marshal(body)
			noError(t, err)
			_, err = w.st.DB().Exec(`UPDATE checkpoints SET body = $1 WHERE key = $2`, text, k.Key)
			noError(t, err)
		}
		w.source.beforeReads(func(context.Context) error { return nil })
		noError(t, w.Do(t.Context(), run.ID, 2))
		w.wantState(t, run.ID, cdds.RunFinished)
		files, err := w.st.ArtifactsOfRun(t.Context(), run.ID)
		noError(t, err)
		for i, k := range kept {
			equal(t, "the kept part", files[i].Key, k.Key)
		}
	})
}
