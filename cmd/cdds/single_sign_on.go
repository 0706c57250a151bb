package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cdds"
	"cdds/api"
	"cdds/signon"
)

// secretVariable holds the client secret where no file does. It is no flag:
// everybody on the machine can read a command line.
const secretVariable = "CDDS_OIDC_CLIENT_SECRET"

// signOnFlags are the settings of single sign-on. Without an issuer there is
// none.
type signOnFlags struct {
	Issuer        string            `name:"oidc-issuer" help:"Single sign-on: the OpenID Connect issuer, as the provider writes it." env:"CDDS_OIDC_ISSUER" placeholder:"URL"`
	ProviderName  string            `name:"oidc-name" help:"The provider's name on the sign-in page." default:"single sign-on" env:"CDDS_OIDC_NAME"`
	ClientID      string            `name:"oidc-client-id" help:"The id under which the provider knows this service." env:"CDDS_OIDC_CLIENT_ID"`
	SecretFile    string            `name:"oidc-client-secret-file" help:"File with the client secret; or set CDDS_OIDC_CLIENT_SECRET. Neither for a public client." env:"CDDS_OIDC_CLIENT_SECRET_FILE" placeholder:"FILE" type:"path"`
	RedirectBase  string            `name:"oidc-redirect-base" help:"Address under which browsers reach this service; the redirect URI is this and /api/v1/oidc/callback." env:"CDDS_OIDC_REDIRECT_BASE" placeholder:"URL"`
	Scopes        []string          `name:"oidc-scopes" help:"Scopes to ask for besides openid." default:"profile,email" env:"CDDS_OIDC_SCOPES"`
	UsernameClaim string            `name:"oidc-username-claim" help:"Claim with the username; default is preferred_username, else email, else sub." env:"CDDS_OIDC_USERNAME_CLAIM"`
	GroupsClaim   string            `name:"oidc-groups-claim" help:"Claim with the groups." default:"groups" env:"CDDS_OIDC_GROUPS_CLAIM"`
	Roles         map[string]string `name:"oidc-roles" help:"Roles by group, as group=role;group=role. The highest counts; nobody's group is a user without a role. Left out, administrators of CDDS give roles." env:"CDDS_OIDC_ROLES"`
	SignOnTenant  string            `name:"oidc-tenant" help:"Tenant of everybody who signs in this way." env:"CDDS_OIDC_TENANT"`
	TenantClaim   string            `name:"oidc-tenant-claim" help:"Claim with the tenant, in place of --oidc-tenant." env:"CDDS_OIDC_TENANT_CLAIM"`
	Tenants       map[string]string `name:"oidc-tenants" help:"Tenants by the claim's value, as value=tenant;value=tenant; left out, the value is the tenant's name." env:"CDDS_OIDC_TENANTS"`
	SessionLimit  time.Duration     `name:"oidc-session-limit" help:"How long a session by single sign-on lasts." default:"8h" env:"CDDS_OIDC_SESSION_LIMIT"`
}

// Bounds of how long a session by single sign-on lasts.
const (
	minSessionLimit = 5 * time.Minute
	maxSessionLimit = 24 * time.Hour
)

// signOn returns single sign-on as set up, or nil where there is no issuer. The
// provider is not asked: one that is down keeps no service from starting.
func (f signOnFlags) signOn() (*api.SignOn, error) {
	if f.Issuer == "" {
		return nil, nil
	}
	if f.SessionLimit < minSessionLimit || f.SessionLimit > maxSessionLimit {
		return nil, cdds.Invalid("oidc-session-limit", "must lie between 5m and 24h.")
	}
	if strings.TrimSpace(f.ProviderName) == "" {
		return nil, cdds.Invalid("oidc-name", "must not be empty.")
	}
	rules := cdds.SignOnRules{
		UsernameClaim: f.UsernameClaim, GroupsClaim: f.GroupsClaim, Roles: map[string]cdds.Role{},
		Tenant: f.SignOnTenant, TenantClaim: f.TenantClaim, Tenants: f.Tenants,
	}
	for group, role := range f.Roles {
		rules.Roles[group] = cdds.Role(role)
	}
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	secret, err := f.secret()
	if err != nil {
		return nil, err
	}
	provider, err := signon.New(signon.Config{
		Issuer: f.Issuer, ClientID: f.ClientID, ClientSecret: secret, Scopes: f.Scopes, Now: utcNow,
		RedirectURL: strings.TrimSuffix(f.RedirectBase, "/") + api.CallbackPath,
	})
	if err != nil {
		return nil, err
	}
	return &api.SignOn{Name: f.ProviderName, Provider: provider, Rules: rules}, nil
}

// maxSecret is longer than any provider's client secret.
const maxSecret = 4096

// secret reads the client secret. The end of a line does not belong to it.
func (f signOnFlags) secret() (string, error) {
	if f.SecretFile == "" {
		return os.Getenv(secretVariable), nil
	}
	file, err := os.Open(f.SecretFile)
	if err != nil {
		return "", &cdds.Error{Code: cdds.CodeInvalid, Message: "The file with the client secret cannot be opened.", Hint: "Look at --oidc-client-secret-file.", Err: err}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err := closing(file, err); err != nil {
		return "", fmt.Errorf("read the client secret: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || len(text) > maxSecret {
		return "", &cdds.Error{Code: cdds.CodeInvalid, Message: "The file with the client secret is empty or too long.", Err: errors.New(f.SecretFile)}
	}
	return secret, nil
}
