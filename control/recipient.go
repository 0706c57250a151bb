package control

import (
	"context"
	"fmt"
	"time"

	"cdds"
	"cdds/store"
)

// AddRecipient adds a certificate (PEM or DER) that all artifacts of the
// caller's tenant are encrypted to from now on. CodeInvalid says which rule it
// breaks, CodeConflict that the tenant has it already, or as many as it may have.
func (c *Control) AddRecipient(ctx context.Context, by Caller, title string, data []byte, now time.Time) (cdds.Recipient, error) {
	if err := cdds.ValidateRecipientTitle(title); err != nil {
		return cdds.Recipient{}, err
	}
	cert, err := cdds.ParseCertificate(data, now)
	if err != nil {
		return cdds.Recipient{}, err
	}
	id, err := newID()
	if err != nil {
		return cdds.Recipient{}, err
	}
	r := cdds.Recipient{ID: id, TenantID: by.User.TenantID, Title: title, Certificate: cert, AddedBy: by.User.Username, AddedAt: now}
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		have, err := tx.Recipients(ctx, r.TenantID)
		if err != nil {
			return err
		}
		if len(have) >= cdds.MaxRecipients {
			return cdds.Conflict(fmt.Sprintf("The tenant has %d recipients, and more are not possible.", len(have)), "Remove one that is not needed any more.")
		}
		if err := tx.InsertRecipient(ctx, r); err != nil {
			return err
		}
		return audit(ctx, tx, by, "recipient.add", cert.Fingerprint, title, now)
	})
	return r, err
}

// RemoveRecipient takes a recipient away from the caller's tenant. Artifacts that
// were made for it stay readable with its key.
func (c *Control) RemoveRecipient(ctx context.Context, by Caller, id string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		r, err := tx.DeleteRecipient(ctx, by.User.TenantID, id)
		if err != nil {
			return err
		}
		return audit(ctx, tx, by, "recipient.remove", r.Certificate.Fingerprint, r.Title, now)
	})
}

// ChooseEncryption says how the artifacts of the caller's jobs are encrypted in
// attempts of runs that begin from now on.
func (c *Control) ChooseEncryption(ctx context.Context, by Caller, e cdds.Encryption, now time.Time) error {
	if err := e.Validate(); err != nil {
		return err
	}
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.PutEncryption(ctx, by.User.TenantID, by.User.ID, e, now); err != nil {
			return err
		}
		return audit(ctx, tx, by, "encryption.choose", by.User.ID, string(e), now)
	})
}
