package signon

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"cdds"
)

// AuthURL is where the browser goes to sign in.
func (p *Provider) AuthURL(ctx context.Context, a Attempt) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return found.oauth.AuthCodeURL(a.State(), oidc.Nonce(a.nonce()), oauth2.S256ChallengeOption(a.verifier())), nil
}

// Claims redeems the code that the browser came back with, and returns what the
// provider says of the person once all of it was checked. issuer is who says to
// have sent the browser, "" where the provider does not say it (RFC 9207). A
// refusal says in its cause what did not hold.
func (p *Provider) Claims(ctx context.Context, a Attempt, code, issuer string) (cdds.Claims, error) {
	if code == "" || issuer != "" && issuer != p.cfg.Issuer {
		return nil, refusedToken(errors.New("the browser came back without a code, or from another provider"))
	}
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), 2*answerTime)
	defer cancel()
	tokens, err := found.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.verifier()))
	if err != nil {
		return nil, refusedCode(err)
	}
	token, claims, err := p.checked(ctx, found, a, tokens)
	if err != nil {
		return nil, refusedToken(err)
	}
	return withUserInfo(ctx, found, tokens, token, claims)
}

// checked returns the ID token and its claims if they were made by the provider,
// for us, now, and for this attempt.
func (p *Provider) checked(ctx context.Context, found *endpoints, a Attempt, tokens *oauth2.Token) (*oidc.IDToken, cdds.Claims, error) {
	raw, ok := tokens.Extra("id_token").(string)
	if !ok {
		return nil, nil, errors.New("the answer has no ID token")
	}
	token, err := found.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, fmt.Errorf("check the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.nonce())) != 1 {
		return nil, nil, errors.New("the ID token has another nonce")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return nil, nil, fmt.Errorf("check the access token: %w", err)
		}
	}
	claims := cdds.Claims{}
	if err := token.Claims(&claims); err != nil {
		return nil, nil, errors.New("the claims cannot be read")
	}
	claims["iss"] = p.cfg.Issuer // which the library lets Google abbreviate
	return token, claims, p.meantForUs(token, claims)
}

// meantForUs checks the authorized party, which the library leaves to us
// (OpenID Connect Core 1.0, section 3.1.3.7, items 4 and 5).
func (p *Provider) meantForUs(token *oidc.IDToken, claims cdds.Claims) error {
	party, named := claims["azp"]
	if len(token.Audience) > 1 && !named || named && party != any(p.cfg.ClientID) {
		return errors.New("the ID token was made for another client")
	}
	return nil
}

// withUserInfo adds the claims that many providers keep out of the ID token. They
// count only for the same subject, and never against the signed token (OpenID
// Connect Core 1.0, section 5.3.2).
func withUserInfo(ctx context.Context, found *endpoints, tokens *oauth2.Token, token *oidc.IDToken, claims cdds.Claims) (cdds.Claims, error) {
	if found.oidc.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := found.oidc.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, cdds.RefuseSignOn(cdds.RefusedUnavailable, fmt.Errorf("ask for the user's claims: %w", err))
	}
	if info.Subject != token.Subject {
		return nil, refusedToken(errors.New("the user info is of another subject"))
	}
	all := cdds.Claims{}
	if err := info.Claims(&all); err != nil {
		return nil, refusedToken(errors.New("the user info cannot be read"))
	}
	maps.Copy(all, claims)
	return all, nil
}

// refusedCode is the error of a code that was not redeemed. The provider's own
// words stay out: they may hold what was sent.
func refusedCode(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return cdds.RefuseSignOn(cdds.RefusedUnavailable, fmt.Errorf("redeem the code: %w", err))
	}
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	err = fmt.Errorf("the identity provider did not redeem the code: status %d, error %q", status, answer.ErrorCode)
	if status >= http.StatusInternalServerError {
		return cdds.RefuseSignOn(cdds.RefusedUnavailable, err)
	}
	return refusedToken(err)
}

func refusedToken(err error) error { return cdds.RefuseSignOn(cdds.RefusedToken, err) }
