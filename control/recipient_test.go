package control_test

import (
	"strings"
	"testing"

	"cdds"
	"cdds/store"
)

// TestRecipients adds and removes recipients as two tenants, who never meet.
func TestRecipients(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		good := certificate(t, now.Year()-1, now.Year()+2)
		r := got(w.AddRecipient(ctx, w.ann, "Escrow", good, now))(t)
		equal(t, "who added it", []string{r.TenantID, r.AddedBy, r.Title}, []string{w.ann.User.TenantID, w.ann.User.Username, "Escrow"})
		_, err := w.AddRecipient(ctx, w.ann, "Escrow again", good, now)
		wantCode(t, "the same certificate twice", err, cdds.CodeConflict)
		for what, try := range map[string]struct {
			title string
			data  []byte
		}{
			"no title":       {"", certificate(t, now.Year()-1, now.Year()+3)},
			"a long title":   {strings.Repeat("x", 101), certificate(t, now.Year()-1, now.Year()+3)},
			"expired":        {"Escrow", certificate(t, now.Year()-3, now.Year()-1)},
			"none":           {"Escrow", nil},
			"no certificate": {"Escrow", []byte("hello")},
		} {
			_, err := w.AddRecipient(ctx, w.ann, try.title, try.data, now)
			wantCode(t, what, err, cdds.CodeInvalid)
		}
		wantCode(t, "remove another tenant's", w.RemoveRecipient(ctx, w.bob, r.ID, now), cdds.CodeNotFound)
		equal(t, "recipients", got(w.st.Recipients(ctx, w.ann.User.TenantID))(t), []cdds.Recipient{r})
		noError(t, w.RemoveRecipient(ctx, w.ann, r.ID, now))
		wantCode(t, "remove twice", w.RemoveRecipient(ctx, w.ann, r.ID, now), cdds.CodeNotFound)
		page := got(w.st.Audit(ctx, store.AuditQuery{TenantID: w.ann.User.TenantID, Text: r.Certificate.Fingerprint}))(t)
		equal(t, "lines of the audit log", page.Total, int64(2))

		for i := range cdds.MaxRecipients {
			got(w.AddRecipient(ctx, w.ann, "Officer", certificate(t, now.Year()-1, now.Year()+2+i), now))(t)
		}
		_, err = w.AddRecipient(ctx, w.ann, "One too many", certificate(t, now.Year()-1, now.Year()+100), now)
		wantCode(t, "one too many", err, cdds.CodeConflict)
	})
}

func TestChooseEncryption(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		wantCode(t, "an unknown kind", w.ChooseEncryption(ctx, w.ann, "rot13", now), cdds.CodeInvalid)
		noError(t, w.ChooseEncryption(ctx, w.ann, cdds.EncryptionAuthenticated, now))
		equal(t, "the choice", got(w.st.Encryption(ctx, w.ann.User.ID))(t), cdds.EncryptionAuthenticated)
		equal(t, "the choice of another", got(w.st.Encryption(ctx, w.bob.User.ID))(t), cdds.EncryptionCompatible)
	})
}
