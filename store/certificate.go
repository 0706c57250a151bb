package store

import (
	"context"
	"time"

	"cdds"
)

func scanCertificate(row scanner) (cdds.Certificate, error) {
	var c cdds.Certificate
	err := row.Scan(&c.DER, &c.Subject, &c.Issuer, &c.Serial, (*instant)(&c.NotBefore), (*instant)(&c.NotAfter), &c.Fingerprint, &c.KeyBits)
	return c, err
}

// Certificate returns a user's certificate, or CodeNotFound.
func (r Reader) Certificate(ctx context.Context, userID string) (cdds.Certificate, error) {
	return one(ctx, r.from, "certificate", scanCertificate,
		`SELECT der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits FROM certificates WHERE user_id = $1`, userID)
}

// PutCertificate makes c the user's certificate, in place of an earlier one.
// CodeNotFound when the tenant has no such user.
func (t *Tx) PutCertificate(ctx context.Context, tenantID, userID string, c cdds.Certificate, now time.Time) error {
	n, err := exec(ctx, t.tx, "save the certificate", `
		INSERT INTO certificates (user_id, tenant_id, der, subject, issuer, serial, not_before, not_after, fingerprint, key_bits, imported_at)
		SELECT u.id, u.tenant_id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM users u WHERE u.id = $1 AND u.tenant_id = $2
		ON CONFLICT (user_id) DO UPDATE SET der = excluded.der, subject = excluded.subject, issuer = excluded.issuer, serial = excluded.serial,
			not_before = excluded.not_before, not_after = excluded.not_after, fingerprint = excluded.fingerprint,
			key_bits = excluded.key_bits, imported_at = excluded.imported_at`,
		userID, tenantID, c.DER, c.Subject, c.Issuer, c.Serial, instant(c.NotBefore), instant(c.NotAfter), c.Fingerprint, c.KeyBits, instant(now))
	if err == nil && n == 0 {
		return cdds.NotFound("user")
	}
	return err
}

// DeleteCertificate forgets a user's certificate. CodeNotFound when there is
// none.
func (t *Tx) DeleteCertificate(ctx context.Context, userID string) error {
	n, err := exec(ctx, t.tx, "delete the certificate", `DELETE FROM certificates WHERE user_id = $1`, userID)
	if err == nil && n == 0 {
		return cdds.NotFound("certificate")
	}
	return err
}
