package store_test

import (
	"context"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// addRecipient gives a user's tenant a recipient, whose fingerprint is the id.
func (w *world) addRecipient(t testing.TB, by cdds.User, id string) cdds.Recipient {
	t.Helper()
	r := cdds.Recipient{ID: id, TenantID: by.TenantID, Title: "Escrow " + id, AddedBy: by.Username, AddedAt: now, Certificate: cdds.Certificate{
		DER: []byte{1, 2, 3}, Subject: "CN=escrow", Issuer: "CN=ca", Serial: "1f", NotBefore: now, NotAfter: at(time.Hour), Fingerprint: id, KeyBits: 3072,
	}}
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRecipient(ctx, r) })
	return r
}

func TestRecipients(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		first := w.addRecipient(t, w.alpha, "b")
		second := w.addRecipient(t, w.alpha, "c")
		foreign := w.addRecipient(t, w.beta, "d")
		equal(t, "recipients", got(w.st.Recipients(ctx, w.alpha.TenantID))(t), []cdds.Recipient{first, second})
		again := second
		again.ID = "another"
		err := w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.InsertRecipient(ctx, again) })
		equal(t, "the same certificate again", cdds.CodeOf(err), cdds.CodeConflict)
		again.TenantID = w.beta.TenantID // which another tenant may have
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRecipient(ctx, again) })
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			removed, err := tx.DeleteRecipient(ctx, w.alpha.TenantID, first.ID)
			equal(t, "removed", removed, first)
			return err
		})
		equal(t, "recipients", got(w.st.Recipients(ctx, w.alpha.TenantID))(t), []cdds.Recipient{second})
		equal(t, "recipients of the other tenant", len(got(w.st.Recipients(ctx, foreign.TenantID))(t)), 2)
		err = w.tryTx(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.DeleteRecipient(ctx, w.alpha.TenantID, first.ID)
			return err
		})
		equal(t, "removed again", cdds.CodeOf(err), cdds.CodeNotFound)
	})
}

func TestEncryption(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		equal(t, "without a choice", got(w.st.Encryption(ctx, w.alpha.ID))(t), cdds.EncryptionCompatible)
		for _, e := range []cdds.Encryption{cdds.EncryptionAuthenticated, cdds.EncryptionCompatible, cdds.EncryptionAuthenticated} {
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				return tx.PutEncryption(ctx, w.alpha.TenantID, w.alpha.ID, e, now)
			})
			equal(t, "the choice", got(w.st.Encryption(ctx, w.alpha.ID))(t), e)
		}
		equal(t, "the choice of another user", got(w.st.Encryption(ctx, w.beta.ID))(t), cdds.EncryptionCompatible)
		// What is no kind of encryption is refused by the database too.
		err := w.tryTx(func(ctx context.Context, tx *store.Tx) error {
			return tx.PutEncryption(ctx, w.alpha.TenantID, w.alpha.ID, "rot13", now)
		})
		if err == nil {
			t.Error("an unknown encryption was stored")
		}
	})
}
