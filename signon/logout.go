package signon

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"cdds"
)

// MaxLogoutAge is how old a logout token may be. Providers send one at once.
const MaxLogoutAge = 10 * time.Minute

// Logout checks a logout token (OpenID Connect Back-Channel Logout 1.0, section
// 2.6). That its id was not used before is the caller's to see to.
func (p *Provider) Logout(ctx context.Context, raw string) (cdds.ProviderLogout, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return cdds.ProviderLogout{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), answerTime)
	defer cancel()
	if err := logoutType(raw); err != nil {
		return cdds.ProviderLogout{}, refusedToken(err)
	}
	token, err := found.verifier.VerifyLogout(ctx, raw)
	if err != nil {
		return cdds.ProviderLogout{}, refusedToken(err)
	}
	if age := p.cfg.Now().Sub(token.IssuedAt); age > MaxLogoutAge || age < -MaxLogoutAge {
		return cdds.ProviderLogout{}, refusedToken(errors.New("the logout token is not of now"))
	}
	return cdds.ProviderLogout{Issuer: p.cfg.Issuer, Subject: token.Subject, ProviderSession: token.SessionID, TokenID: token.TokenID}, nil
}

// logoutType refuses a token whose header says that it is of another kind. One
// that says nothing, or just JWT, is taken, since older providers send those.
func logoutType(raw string) error {
	header, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return errors.New("the logout token cannot be read")
	}
	var said struct {
		Type string `json:"typ"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return errors.New("the logout token cannot be read")
	}
	switch kind := strings.TrimPrefix(strings.ToLower(said.Type), "application/"); kind {
	case "", "jwt", "logout+jwt":
		return nil
	}
	return errors.New("the token is no logout token")
}
