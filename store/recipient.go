package store

import (
	"context"
	"time"

	"cdds"
)

func scanRecipient(row scanner) (cdds.Recipient, error) {
	var r cdds.Recipient
	c := &r.Certificate
	err := row.Scan(&r.ID, &r.TenantID, &r.Title, &c.DER, &c.Subject, &c.Issuer, &c.Serial, (*instant)(&c.NotBefore), (*instant)(&c.NotAfter),
		&c.Fingerprint, &c.KeyBits, &r.AddedBy, (*instant)(&r.AddedAt))
	return r, err
}

// Recipients returns a tenant's recipients in the order in which they were
// added.
func (r Reader) Recipients(ctx context.Context, tenantID string) ([]cdds.Recipient, error) {
	return all(ctx, r.from, "list the recipients", scanRecipient, `
		SELECT id, tenant_id, title, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, added_by, added_at
		FROM recipients WHERE tenant_id = $1 ORDER BY added_at, id`, tenantID)
}

// InsertRecipient adds a recipient. CodeConflict when the tenant has one with
// that certificate.
func (t *Tx) InsertRecipient(ctx context.Context, r cdds.Recipient) error {
	c := r.Certificate
	return insert(ctx, t.tx, "add the recipient",
		cdds.Conflict("The tenant has a recipient with this certificate.", "Give another certificate, or leave it as it is."), `
		INSERT INTO recipients (id, tenant_id, title, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, added_by, added_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, r.TenantID, r.Title, c.DER, c.Subject, c.Issuer, c.Serial, instant(c.NotBefore), instant(c.NotAfter), c.Fingerprint, c.KeyBits,
		r.AddedBy, instant(r.AddedAt))
}

// DeleteRecipient removes a tenant's recipient and returns it. CodeNotFound when
// there is none with that id.
func (t *Tx) DeleteRecipient(ctx context.Context, tenantID, id string) (cdds.Recipient, error) {
	return one(ctx, t.tx, "recipient", scanRecipient, `
		DELETE FROM recipients WHERE id = $1 AND tenant_id = $2
		RETURNING id, tenant_id, title, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, added_by, added_at`, id, tenantID)
}

// Encryption returns how a user's artifacts are encrypted.
func (r Reader) Encryption(ctx context.Context, userID string) (cdds.Encryption, error) {
	chosen, err := all(ctx, r.from, "read the encryption", value[cdds.Encryption], `SELECT encryption FROM encryption_choices WHERE user_id = $1`, userID)
	if err != nil || len(chosen) == 0 {
		return cdds.EncryptionCompatible, err
	}
	return chosen[0], nil
}

// PutEncryption makes e how the user's artifacts are encrypted. CodeNotFound when
// the tenant has no such user.
func (t *Tx) PutEncryption(ctx context.Context, tenantID, userID string, e cdds.Encryption, now time.Time) error {
	n, err := exec(ctx, t.tx, "save the encryption", `
		INSERT INTO encryption_choices (user_id, tenant_id, encryption, chosen_at)
		SELECT u.id, u.tenant_id, $3, $4 FROM users u WHERE u.id = $1 AND u.tenant_id = $2
		ON CONFLICT (user_id) DO UPDATE SET encryption = excluded.encryption, chosen_at = excluded.chosen_at`,
		userID, tenantID, string(e), instant(now))
	if err == nil && n == 0 {
		return cdds.NotFound("user")
	}
	return err
}
