package store

import (
	"context"
	"time"

	"cdds"
)

// IdempotencyRecord says which object a create with an Idempotency-Key made.
type IdempotencyRecord struct {
	UserID    string
	Key       string
	Request   string // hash of method, path and body
	ObjectID  string
	CreatedAt time.Time
}

func scanIdempotency(row scanner) (IdempotencyRecord, error) {
	var r IdempotencyRecord
	err := row.Scan(&r.UserID, &r.Key, &r.Request, &r.ObjectID, (*instant)(&r.CreatedAt))
	return r, err
}

// Remembered returns the record of a user's key, or CodeNotFound.
func (r Reader) Remembered(ctx context.Context, userID, key string) (IdempotencyRecord, error) {
	return one(ctx, r.from, "idempotency key", scanIdempotency,
		`SELECT user_id, key, request, object_id, created_at FROM idempotency_keys WHERE user_id = $1 AND key = $2`, userID, key)
}

// Remember adds a record. CodeConflict when the user has used the key.
func (t *Tx) Remember(ctx context.Context, r IdempotencyRecord) error {
	return insert(ctx, t.tx, "keep the idempotency key",
		cdds.Conflict("This Idempotency-Key has been used.", "Use a new key for a new request."), `
		INSERT INTO idempotency_keys (user_id, key, tenant_id, request, object_id, created_at)
		VALUES ($1, $2, (SELECT tenant_id FROM users WHERE id = $1), $3, $4, $5)`,
		r.UserID, r.Key, r.Request, r.ObjectID, instant(r.CreatedAt))
}

// ForgetOld removes the records that were made before the given instant.
func (t *Tx) ForgetOld(ctx context.Context, before time.Time) error {
	_, err := exec(ctx, t.tx, "remove old idempotency keys", `DELETE FROM idempotency_keys WHERE created_at < $1`, instant(before))
	return err
}
