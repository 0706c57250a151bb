package cdds_test

import (
	"slices"
	"strings"
	"testing"

	"cdds"
)

func TestNewUsers(t *testing.T) {
	const good = "a long enough password"
	tests := []struct {
		name, username, password string
		role                     cdds.Role
		broken                   []string
	}{
		{"good", "ann", good, cdds.RoleViewer, nil},
		{"without a role", "ann", good, cdds.RoleNone, nil},
		{"no name", "", good, cdds.RoleViewer, []string{"username"}},
		{"a short password", "ann", "short", cdds.RoleViewer, []string{"password"}},
		{"a role that does not exist", "ann", good, "king", []string{"role"}},
		{"a role in another case", "ann", good, "Viewer", []string{"role"}},
		{"none is a word of the edges", "ann", good, "none", []string{"role"}},
		{"all at once", " ann", strings.Repeat("x", 257), "*", []string{"username", "role", "password"}},
	}
	for _, test := range tests {
		if got := fieldsOf(t, cdds.ValidateNewUser(test.username, test.password, test.role, "acme")); !slices.Equal(got, test.broken) {
			t.Errorf("%s: broken fields %q, want %q", test.name, got, test.broken)
		}
	}
}

// TestTheLastAdministratorStays changes users of a tenant with one, and with two
// active administrators.
func TestTheLastAdministratorStays(t *testing.T) {
	user := func(role cdds.Role, active bool) cdds.User { return cdds.User{Role: role, Active: active} }
	tests := []struct {
		name          string
		before, after cdds.User
		last          cdds.Code // with one active administrator
	}{
		{"deactivated", user(cdds.RoleAdministrator, true), user(cdds.RoleAdministrator, false), cdds.CodeConflict},
		{"made an exporter", user(cdds.RoleAdministrator, true), user(cdds.RoleExporter, true), cdds.CodeConflict},
		{"without a role", user(cdds.RoleAdministrator, true), user(cdds.RoleNone, true), cdds.CodeConflict},
		{"left as they are", user(cdds.RoleAdministrator, true), user(cdds.RoleAdministrator, true), ""},
		{"a deactivated one loses the role", user(cdds.RoleAdministrator, false), user(cdds.RoleViewer, false), ""},
		{"a deactivated one comes back", user(cdds.RoleAdministrator, false), user(cdds.RoleAdministrator, true), ""},
		{"an exporter is deactivated", user(cdds.RoleExporter, true), user(cdds.RoleExporter, false), ""},
		{"an exporter is made one", user(cdds.RoleExporter, true), user(cdds.RoleAdministrator, true), ""},
	}
	for _, test := range tests {
		if got := cdds.CodeOf(test.before.CheckChange(test.after, 1)); got != test.last {
			t.Errorf("%s, the last one: code %q, want %q", test.name, got, test.last)
		}
		if err := test.before.CheckChange(test.after, 2); err != nil {
			t.Errorf("%s, one of two: %v", test.name, err)
		}
	}
}
