package store

import (
	"context"
	"strings"
	"time"

	"cdds"
)

const tokenColumns = `k.id, k.tenant_id, k.user_id, k.name, k.scopes, k.created_at, k.expires_at, k.last_used_at`

func scanToken(row scanner) (cdds.Token, error) {
	var k cdds.Token
	var scopes string
	err := row.Scan(&k.ID, &k.TenantID, &k.UserID, &k.Name, &scopes, (*instant)(&k.CreatedAt), (*instant)(&k.ExpiresAt), (*instant)(&k.LastUsedAt))
	for _, scope := range strings.Split(scopes, ",") {
		k.Scopes = append(k.Scopes, cdds.Scope(scope))
	}
	return k, err
}

// TokenByHash returns the token of a secret's hash, also one that has expired,
// or CodeNotFound.
func (r Reader) TokenByHash(ctx context.Context, hash string) (cdds.Token, error) {
	return one(ctx, r.from, "token", scanToken, `SELECT `+tokenColumns+` FROM tokens k WHERE k.token_hash = $1`, hash)
}

// TokensOf returns the tokens of a user, also those that have expired, oldest
// first.
func (r Reader) TokensOf(ctx context.Context, userID string) ([]cdds.Token, error) {
	return all(ctx, r.from, "list the tokens", scanToken, `SELECT `+tokenColumns+` FROM tokens k WHERE k.user_id = $1 ORDER BY k.created_at, k.id`, userID)
}

// InsertToken adds a token with the hash of its secret. CodeConflict when its
// user has one of that name.
func (t *Tx) InsertToken(ctx context.Context, k cdds.Token, hash string) error {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	return insert(ctx, t.tx, "add the token", cdds.Conflict("You have a token of this name.", "Give another name, or revoke that token."),
		`INSERT INTO tokens (id, token_hash, tenant_id, user_id, name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.ID, hash, k.TenantID, k.UserID, k.Name, strings.Join(scopes, ","), instant(k.CreatedAt), instant(k.ExpiresAt))
}

// TouchToken records that a token was used.
func (t *Tx) TouchToken(ctx context.Context, id string, now time.Time) error {
	_, err := exec(ctx, t.tx, "record the use of a token", `UPDATE tokens SET last_used_at = $2 WHERE id = $1`, id, instant(now))
	return err
}

// DeleteToken revokes a token of a user, or returns CodeNotFound.
func (t *Tx) DeleteToken(ctx context.Context, userID, id string) error {
	n, err := exec(ctx, t.tx, "revoke the token", `DELETE FROM tokens WHERE id = $1 AND user_id = $2`, id, userID)
	if err == nil && n == 0 {
		return cdds.NotFound("token")
	}
	return err
}
