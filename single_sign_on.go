package cdds

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Claims are what an identity provider says of somebody, by the names of OpenID
// Connect Core 1.0, section 5.1, and of the provider's own.
type Claims map[string]any

// SignOnRules turn claims into who somebody is to CDDS.
type SignOnRules struct {
	UsernameClaim string          // "": preferred_username, else email, else sub
	GroupsClaim   string          // the claim whose values Roles names
	Roles         map[string]Role // by group; empty: the claims do not speak of roles
	Tenant        string          // everybody's tenant; "" where a claim names it
	TenantClaim   string
	Tenants       map[string]string // tenants' names by the claim's value; empty: the value is the name
}

// Identity is somebody whom an identity provider vouches for. Issuer and Subject
// are the key: a name may be given to somebody else later, a subject never is
// (OpenID Connect Core 1.0, section 5.7).
type Identity struct {
	Issuer, Subject  string
	Username, Tenant string
	Role             Role
	// KeepRole says that the claims do not speak of roles: administrators of
	// CDDS give them.
	KeepRole bool
	// ProviderSession is the provider's id of its own session, or "". A logout
	// token may name it.
	ProviderSession string
}

// ProviderLogout is what a valid logout token asks for: the end of the sessions
// of a subject, or of those that belong to one session at the provider. One of
// the two may be "".
type ProviderLogout struct {
	Issuer, Subject, ProviderSession string
	TokenID                          string
}

// maxSubject is the longest subject that the standard allows.
const maxSubject = 255

// Validate returns nil or says which rule cannot work. Fields are named as the
// settings are.
func (r SignOnRules) Validate() error {
	if (r.Tenant == "") == (r.TenantClaim == "") {
		return Invalid("oidc-tenant", "or oidc-tenant-claim must be given, and not both.")
	}
	if r.TenantClaim == "" && len(r.Tenants) > 0 {
		return Invalid("oidc-tenants", "needs oidc-tenant-claim.")
	}
	names := []string{r.Tenant}
	if r.TenantClaim != "" {
		names = nil
	}
	for _, name := range r.Tenants {
		names = append(names, name)
	}
	for _, name := range names {
		if err := ValidateTenantName(name); err != nil {
			return fmt.Errorf("the tenant %q of single sign-on: %w", name, err)
		}
	}
	for group, role := range r.Roles {
		if !slices.Contains(rolesByRight(), role) {
			return Invalid("oidc-roles", fmt.Sprintf("gives the group %q a role that does not exist; allowed are administrator, exporter and viewer.", group))
		}
	}
	if r.GroupsClaim == "" && len(r.Roles) > 0 {
		return Invalid("oidc-groups-claim", "is needed for oidc-roles.")
	}
	return nil
}

// Identify returns who the claims speak of. A SignOnRefusal in the error says
// why nobody can be made of them.
func (r SignOnRules) Identify(c Claims) (Identity, error) {
	issuer, _ := c["iss"].(string)
	subject, _ := c["sub"].(string)
	if issuer == "" || subject == "" || len(subject) > maxSubject || !printable(subject) {
		return Identity{}, RefuseSignOn(RefusedToken, errors.New("the token has no usable issuer or subject"))
	}
	username, err := r.username(c)
	if err != nil {
		return Identity{}, err
	}
	tenant, err := r.tenant(c)
	if err != nil {
		return Identity{}, err
	}
	session, _ := c["sid"].(string)
	if len(session) > maxSubject {
		return Identity{}, RefuseSignOn(RefusedToken, errors.New("the token's sid is too long"))
	}
	return Identity{Issuer: issuer, Subject: subject, Username: username, Tenant: tenant, Role: r.role(c), KeepRole: len(r.Roles) == 0, ProviderSession: session}, nil
}

// username is the first name of the claims that can be one.
func (r SignOnRules) username(c Claims) (string, error) {
	claims := []string{"preferred_username", "email", "sub"}
	if r.UsernameClaim != "" {
		claims = []string{r.UsernameClaim}
	}
	for _, claim := range claims {
		if names := c.texts(claim); len(names) == 1 && ValidateUsername(names[0]) == nil {
			return names[0], nil
		}
	}
	return "", RefuseSignOn(RefusedUsername, fmt.Errorf("no usable name in %s", strings.Join(claims, ", ")))
}

// tenant is the one tenant that is meant. Several are as bad as none: guessing
// would show one customer's data to another.
func (r SignOnRules) tenant(c Claims) (string, error) {
	if r.Tenant != "" {
		return r.Tenant, nil
	}
	var found []string
	for _, value := range c.texts(r.TenantClaim) {
		name := value
		if len(r.Tenants) > 0 {
			name = r.Tenants[value]
		}
		if ValidateTenantName(name) == nil && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return "", RefuseSignOn(RefusedTenant, fmt.Errorf("the claim %q means %d tenants", r.TenantClaim, len(found)))
	}
	return found[0], nil
}

// role is the one with the most rights among those of all groups.
func (r SignOnRules) role(c Claims) Role {
	groups := c.texts(r.GroupsClaim)
	for _, role := range rolesByRight() {
		if slices.ContainsFunc(groups, func(group string) bool { return r.Roles[group] == role }) {
			return role
		}
	}
	return RoleNone
}

// rolesByRight are the roles that give rights, most rights first.
func rolesByRight() []Role { return []Role{RoleAdministrator, RoleExporter, RoleViewer} }

// texts returns the values of a claim that are text. An email address that the
// provider has not verified counts for nothing: with some providers everybody
// can write any address there, and would be who they please.
func (c Claims) texts(claim string) []string {
	if claim == "email" && c["email_verified"] != true && c["email_verified"] != "true" {
		return nil
	}
	switch value := c[claim].(type) {
	case string:
		return []string{value}
	case []any:
		var texts []string
		for _, one := range value {
			if text, ok := one.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}
