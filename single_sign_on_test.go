package cdds_test

import (
	"errors"
	"strings"
	"testing"

	"cdds"
)

// person is what a provider says of Ann.
func person(change map[string]any) cdds.Claims {
	c := cdds.Claims{"iss": "https://issuer.example", "sub": "s-1", "preferred_username": "ann", "email": "ann@example.com", "email_verified": true,
		"groups": []any{"staff", "exporters"}, "org": "alpha-gmbh"}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func signOnRules() cdds.SignOnRules {
	return cdds.SignOnRules{
		GroupsClaim: "groups", TenantClaim: "org", Tenants: map[string]string{"alpha-gmbh": "Alpha", "alpha-ltd": "Alpha", "beta": "Beta"},
		Roles: map[string]cdds.Role{"admins": cdds.RoleAdministrator, "exporters": cdds.RoleExporter, "staff": cdds.RoleViewer, "boss@example.com": cdds.RoleAdministrator},
	}
}

func TestIdentify(t *testing.T) {
	const refused = "refused: "
	type claims = map[string]any
	for _, c := range []struct {
		what   string
		rules  func(*cdds.SignOnRules)
		claims claims
		want   string // "username, tenant, role"
	}{
		{"all in place", nil, nil, "ann, Alpha, exporter"},
		// The role.
		{"the highest right wins", nil, claims{"groups": []any{"staff", "admins", "exporters"}}, "ann, Alpha, administrator"},
		{"one group as a text", nil, claims{"groups": "staff"}, "ann, Alpha, viewer"},
		{"no group that counts", nil, claims{"groups": []any{"guests"}}, "ann, Alpha, "},
		{"no groups", nil, claims{"groups": nil}, "ann, Alpha, "},
		{"groups of no kind", nil, claims{"groups": []any{1, nil, claims{"admins": true}, true}}, "ann, Alpha, "},
		{"groups as an object", nil, claims{"groups": claims{"admins": "admins"}}, "ann, Alpha, "},
		{"a group of another spelling", nil, claims{"groups": []any{"Admins", " admins", "admins,staff"}}, "ann, Alpha, "},
		{"another groups claim", func(r *cdds.SignOnRules) { r.GroupsClaim = "https://example.com/roles" }, claims{"https://example.com/roles": []any{"admins"}}, "ann, Alpha, administrator"},
		{"rights by a verified address", func(r *cdds.SignOnRules) { r.GroupsClaim = "email" }, claims{"email": "boss@example.com"}, "ann, Alpha, administrator"},
		{"rights by an address of one's own", func(r *cdds.SignOnRules) { r.GroupsClaim = "email" }, claims{"email": "boss@example.com", "email_verified": false}, "ann, Alpha, "},
		{"rights by an address of nobody knows who", func(r *cdds.SignOnRules) { r.GroupsClaim = "email" }, claims{"email": "boss@example.com", "email_verified": nil}, "ann, Alpha, "},
		{"verified as a text", func(r *cdds.SignOnRules) { r.GroupsClaim = "email" }, claims{"email": "boss@example.com", "email_verified": "true"}, "ann, Alpha, administrator"},
		// The tenant.
		{"a fixed tenant", func(r *cdds.SignOnRules) { r.Tenant, r.TenantClaim, r.Tenants = "Gamma", "", nil }, nil, "ann, Gamma, exporter"},
		{"the value is the name", func(r *cdds.SignOnRules) { r.Tenants = nil }, claims{"org": "Delta"}, "ann, Delta, exporter"},
		{"two values of one tenant", nil, claims{"org": []any{"alpha-gmbh", "alpha-ltd", "unknown"}}, "ann, Alpha, exporter"},
		{"two tenants", nil, claims{"org": []any{"alpha-gmbh", "beta"}}, refused + "tenant"},
		{"an unknown value", nil, claims{"org": "omega"}, refused + "tenant"},
		{"a tenant's own name where values are mapped", nil, claims{"org": "Alpha"}, refused + "tenant"},
		{"no tenant", nil, claims{"org": nil}, refused + "tenant"},
		{"an empty tenant", func(r *cdds.SignOnRules) { r.Tenants = nil }, claims{"org": ""}, refused + "tenant"},
		{"a number", func(r *cdds.SignOnRules) { r.Tenants = nil }, claims{"org": 7}, refused + "tenant"},
		// The name.
		{"no preferred name", nil, claims{"preferred_username": nil}, "ann@example.com, Alpha, exporter"},
		{"an address that is not verified", nil, claims{"preferred_username": nil, "email_verified": false}, "s-1, Alpha, exporter"},
		{"nothing but the subject", nil, claims{"preferred_username": "", "email": nil}, "s-1, Alpha, exporter"},
		{"a name with a control character", nil, claims{"preferred_username": "ann\n", "email": nil}, "s-1, Alpha, exporter"},
		{"a claim of one's own", func(r *cdds.SignOnRules) { r.UsernameClaim = "upn" }, claims{"upn": "ann@corp"}, "ann@corp, Alpha, exporter"},
		{"a claim of one's own that is missing", func(r *cdds.SignOnRules) { r.UsernameClaim = "upn" }, nil, refused + "username"},
		{"several names", func(r *cdds.SignOnRules) { r.UsernameClaim = "groups" }, nil, refused + "username"},
		{"a name that is too long", func(r *cdds.SignOnRules) { r.UsernameClaim = "upn" }, claims{"upn": strings.Repeat("a", 101)}, refused + "username"},
		// The key.
		{"no subject", nil, claims{"sub": nil}, refused + "token"},
		{"an empty subject", nil, claims{"sub": ""}, refused + "token"},
		{"a subject that is too long", nil, claims{"sub": strings.Repeat("s", 256)}, refused + "token"},
		{"no issuer", nil, claims{"iss": nil}, refused + "token"},
		{"a session that is too long", nil, claims{"sid": strings.Repeat("s", 256)}, refused + "token"},
	} {
		rules := signOnRules()
		if c.rules != nil {
			c.rules(&rules)
		}
		who, err := rules.Identify(person(c.claims))
		got := who.Username + ", " + who.Tenant + ", " + string(who.Role)
		if err != nil {
			var reason cdds.SignOnRefusal
			if !errors.As(err, &reason) {
				t.Fatalf("%s: %v gives no reason", c.what, err)
			}
			got = refused + string(reason)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestIdentityKeepsTheKey(t *testing.T) {
	rules := signOnRules()
	who, err := rules.Identify(person(map[string]any{"sid": "session-1"}))
	if want := (cdds.Identity{Issuer: "https://issuer.example", Subject: "s-1", Username: "ann", Tenant: "Alpha", Role: cdds.RoleExporter, ProviderSession: "session-1"}); err != nil || who != want {
		t.Fatalf("got %+v, %v", who, err)
	}
	rules.Roles = nil
	if who, err := rules.Identify(person(nil)); err != nil || !who.KeepRole || who.Role != cdds.RoleNone {
		t.Fatalf("without a mapping of roles: %+v, %v", who, err)
	}
}

func TestValidateSignOnRules(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*cdds.SignOnRules)
		valid  bool
	}{
		"by claim":                     {func(*cdds.SignOnRules) {}, true},
		"a fixed tenant":               {func(r *cdds.SignOnRules) { r.Tenant, r.TenantClaim, r.Tenants = "Alpha", "", nil }, true},
		"no roles":                     {func(r *cdds.SignOnRules) { r.Roles, r.GroupsClaim = nil, "" }, true},
		"no tenant":                    {func(r *cdds.SignOnRules) { r.TenantClaim, r.Tenants = "", nil }, false},
		"both tenants":                 {func(r *cdds.SignOnRules) { r.Tenant = "Alpha" }, false},
		"tenants without a claim":      {func(r *cdds.SignOnRules) { r.Tenant, r.TenantClaim = "Alpha", "" }, false},
		"a tenant that cannot be":      {func(r *cdds.SignOnRules) { r.Tenants["x"] = " Alpha" }, false},
		"a role that does not exist":   {func(r *cdds.SignOnRules) { r.Roles["x"] = "king" }, false},
		"a group without rights":       {func(r *cdds.SignOnRules) { r.Roles["x"] = "none" }, false},
		"roles without a groups claim": {func(r *cdds.SignOnRules) { r.GroupsClaim = "" }, false},
	} {
		rules := signOnRules()
		c.change(&rules)
		if err := rules.Validate(); c.valid != (err == nil) || err != nil && cdds.CodeOf(err) != cdds.CodeInvalid {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// TestReturnPath has the ways in which a link can lead to another site.
func TestReturnPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/history": true, "/history?state=failed&sort=-size": true, "/jobs/1/edit?from=https://a.example#top": true, "/sign-ins": true, "/apis": true,
		"": false, "history": false, "?a=b": false, "//a.example": false, "///a.example": false, "/\\a.example": false, "\\\\a.example": false, "/\t/a.example": false, "/\n/a.example": false,
		" //a.example": false, "/ /a.example": false, "https://a.example": false, "https:a.example": false, "javascript:alert(1)": false, "data:text/html,x": false,
		"/jobs\\..\\..": false, "/jobs\r\nSet-Cookie: a=b": false, "/caf\u00e9": false, "/\u2028/a.example": false, "/%zz": false,
		"/api/v1/me": false, "/api": false, "/./api/v1/me": false, "/jobs/../api/v1/me": false, "/%61pi/v1/me": false, "/jobs/%2e%2e/api/v1/me": false,
		"/sign-in": false, "/sign-in?from=/history": false, "/" + strings.Repeat("a", 2047): true, "/" + strings.Repeat("a", 2048): false,
	} {
		got := cdds.ReturnPath(path)
		if want && got != path || !want && got != "" {
			t.Errorf("ReturnPath(%q) is %q", path, got)
		}
	}
}

// TestRefusalsSayWhatToDo: each reason has a text of its own, and what is no
// reason has none.
func TestRefusalsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, reason := range []cdds.SignOnRefusal{cdds.RefusedAttempt, cdds.RefusedByProvider, cdds.RefusedToken, cdds.RefusedUsername, cdds.RefusedTenant,
		cdds.RefusedMoved, cdds.RefusedName, cdds.RefusedInactive, cdds.RefusedUnavailable, cdds.RefusedFault} {
		message, hint := reason.Text()
		if message == "" || hint == "" || seen[message] {
			t.Errorf("%s says %q, %q", reason, message, hint)
		}
		seen[message] = true
		err := cdds.RefuseSignOn(reason, errors.New("the cause"))
		var got cdds.SignOnRefusal
		if !errors.As(err, &got) || got != reason || !strings.Contains(err.Error(), "the cause") {
			t.Errorf("%s became %v", reason, err)
		}
	}
	if message, hint := cdds.SignOnRefusal("Call 555-0100 at once").Text(); message != "" || hint != "" {
		t.Error("a reason that does not exist has a text")
	}
}
