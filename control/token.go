package control

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"cdds"
	"cdds/store"
)

// TokenPrefix begins the secret of every API token, so that people and secret
// scanners know one when they see it.
const TokenPrefix = "cdds_"

// CreateToken makes an API token of the user and returns its secret, which is
// shown this once and never kept. CodeInvalid names the broken fields.
func (c *Control) CreateToken(ctx context.Context, by Caller, token cdds.Token, now time.Time) (string, cdds.Token, error) {
	token.TenantID, token.UserID, token.CreatedAt = by.User.TenantID, by.User.ID, now
	if err := token.Validate(now); err != nil {
		return "", token, err
	}
	var err error
	if token.ID, err = newID(); err != nil {
		return "", token, err
	}
	secret, err := newSecret()
	if err != nil {
		return "", token, err
	}
	secret = TokenPrefix + secret
	err = c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertToken(ctx, token, tokenHash(secret)); err != nil {
			return err
		}
		return audit(ctx, tx, by, "token.create", token.ID, token.Name, now)
	})
	return secret, token, err
}

// RevokeToken ends one of the caller's tokens at once.
func (c *Control) RevokeToken(ctx context.Context, by Caller, id string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteToken(ctx, by.User.ID, id); err != nil {
			return err
		}
		return audit(ctx, tx, by, "token.delete", id, "", now)
	})
}

// CallerByToken returns whose token a secret is, with the token, which bounds
// what the caller may do. CodeUnauthenticated when it is unknown, revoked or has
// expired, or its user was deactivated.
func (c *Control) CallerByToken(ctx context.Context, secret, address string, now time.Time) (Caller, error) {
	refused := &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "The API token is unknown, was revoked, or has expired.", Hint: "Make a new one under User preferences."}
	token, err := c.store.TokenByHash(ctx, tokenHash(secret))
	if cdds.CodeOf(err) == cdds.CodeNotFound || (err == nil && !now.Before(token.ExpiresAt)) {
		return Caller{}, refused
	}
	if err != nil {
		return Caller{}, err
	}
	user, err := c.store.User(ctx, token.UserID)
	if err != nil {
		return Caller{}, err
	}
	if !user.Active {
		return Caller{}, refused
	}
	if now.Sub(token.LastUsedAt) >= touchEvery {
		if err := c.store.InTx(ctx, func(tx *store.Tx) error { return tx.TouchToken(ctx, token.ID, now) }); err != nil {
			return Caller{}, err
		}
	}
	return Caller{User: user, Address: address, Token: &token}, nil
}

// newSecret returns 256 random bits as text.
func newSecret() (string, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", &cdds.Error{Code: cdds.CodeInternal, Message: "No random numbers for a secret.", Err: err}
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}
