// Package signon speaks OpenID Connect to the one identity provider that the
// service trusts: discovery, the authorization code flow with PKCE, ID tokens,
// and logout tokens.
//
//	Attempt ──▶ AuthURL ──▶ (the browser, at the provider) ──▶ code ──▶ Claims
//
// What claims mean is decided by the rules of the root package, and whether
// somebody gets a session by control. The package believes a token only after
// its signature, issuer, audience, time and nonce were checked, keeps nothing on
// disk, and follows no redirects: the client secret goes to the provider alone.
// The provider is asked for the first time when somebody wants to sign in, so a
// provider that is down keeps no service from starting.
package signon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"cdds"
)

// answerTime bounds each request to the provider.
const answerTime = 10 * time.Second

// Config is what the provider and its operator have agreed upon.
type Config struct {
	Issuer       string
	ClientID     string
	ClientSecret string // "" for a public client
	RedirectURL  string
	Scopes       []string // besides openid
	Now          func() time.Time
}

// Provider is the identity provider. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	client *http.Client
	group  singleflight.Group

	mu    sync.Mutex
	found *endpoints // nil until the provider has answered
}

// endpoints are what the provider says of itself.
type endpoints struct {
	oauth      oauth2.Config
	oidc       *oidc.Provider
	verifier   *oidc.IDTokenVerifier
	endSession string
}

// New returns the provider of a configuration, without asking it for anything.
// CodeInvalid says which setting cannot work.
func New(cfg Config) (*Provider, error) {
	for setting, address := range map[string]string{"oidc-issuer": cfg.Issuer, "oidc-redirect-base": cfg.RedirectURL} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !protected(u) {
			return nil, cdds.Invalid(setting, "must be an https:// address without a query; http:// is for a loopback address only.")
		}
	}
	if cfg.ClientID == "" {
		return nil, cdds.Invalid("oidc-client-id", "is needed for single sign-on.")
	}
	client := &http.Client{
		Timeout: answerTime, Transport: bounded{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Provider{cfg: cfg, client: client}, nil
}

// protected reports whether what is sent to an address can be read by nobody
// else: by TLS, or because it does not leave the machine.
func protected(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	host := u.Hostname()
	return u.Scheme == "http" && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// discover returns the provider's endpoints, asked for once. A failure is not
// kept: the next one who wants to sign in asks again, and those who ask at the
// same time share the answer.
func (p *Provider) discover(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	answer := p.group.DoChan("", func() (any, error) {
		// The request belongs to all who wait for it, not to the first of them.
		return p.ask(context.WithoutCancel(ctx))
	})
	select {
	case got := <-answer:
		if got.Err != nil {
			return nil, cdds.RefuseSignOn(cdds.RefusedUnavailable, got.Err)
		}
		return got.Val.(*endpoints), nil
	case <-ctx.Done():
		return nil, cdds.RefuseSignOn(cdds.RefusedUnavailable, context.Cause(ctx))
	}
}

// Ready returns nil when somebody can be sent to the provider, as far as is known.
func (p *Provider) Ready(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// ask reads the provider's discovery document (OpenID Connect Discovery 1.0).
func (p *Provider) ask(ctx context.Context) (*endpoints, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the identity provider: %w", err)
	}
	var said struct {
		Keys        string   `json:"jwks_uri"`
		UserInfo    string   `json:"userinfo_endpoint"`
		EndSession  string   `json:"end_session_endpoint"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&said); err != nil {
		return nil, fmt.Errorf("read what the identity provider says of itself: %w", err)
	}
	at := provider.Endpoint()
	for _, address := range []string{at.AuthURL, at.TokenURL, said.Keys, said.UserInfo, said.EndSession} {
		if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || !protected(u)) {
			return nil, errors.New("the identity provider names an endpoint without TLS")
		}
	}
	if at.AuthURL == "" || at.TokenURL == "" || said.Keys == "" {
		return nil, errors.New("the identity provider names no authorization endpoint, token endpoint or keys")
	}
	at.AuthStyle = p.authStyle(said.AuthMethods)
	found := &endpoints{
		oauth: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, RedirectURL: p.cfg.RedirectURL,
			Endpoint: at, Scopes: append([]string{oidc.ScopeOpenID}, without(p.cfg.Scopes, oidc.ScopeOpenID)...),
		},
		oidc: provider, verifier: provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now}), endSession: said.EndSession,
	}
	p.mu.Lock()
	p.found = found
	p.mu.Unlock()
	return found, nil
}

// authStyle says how the client proves who it is: the way that is the standard's
// default unless the provider only knows the other. Trying both would show a
// code to the provider twice, and it is good for once.
func (p *Provider) authStyle(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if p.cfg.ClientSecret == "" || !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == one })
}

// EndSessionURL is where somebody ends the session at the provider itself, or ""
// where the provider has no such place (OpenID Connect RP-Initiated Logout 1.0).
// It names no user, so the provider asks before it does anything.
func (p *Provider) EndSessionURL(ctx context.Context) (string, error) {
	found, err := p.discover(ctx)
	if err != nil || found.endSession == "" {
		return "", err
	}
	u, err := url.Parse(found.endSession)
	if err != nil {
		return "", fmt.Errorf("read the end of session endpoint: %w", err)
	}
	query := u.Query()
	query.Set("client_id", p.cfg.ClientID)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
