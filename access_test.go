package cdds_test

import (
	"slices"
	"strings"
	"testing"

	"cdds"
)

// TestRoleMatrix writes the rights out in full: a right that is added without
// a word here is nobody's.
func TestRoleMatrix(t *testing.T) {
	administrator, exporter, viewer := cdds.RoleAdministrator, cdds.RoleExporter, cdds.RoleViewer
	matrix := map[cdds.Action][]cdds.Role{
		cdds.ActionOwnPreferences:  {administrator, exporter},
		cdds.ActionOwnTokens:       {administrator, exporter, viewer},
		cdds.ActionSeeJobs:         {administrator, exporter},
		cdds.ActionManageJobs:      {administrator},
		cdds.ActionSeeRuns:         {administrator, exporter, viewer},
		cdds.ActionStartRuns:       {administrator, exporter},
		cdds.ActionCancelRuns:      {administrator, exporter},
		cdds.ActionDeleteRuns:      {administrator},
		cdds.ActionSeeArtifacts:    {administrator, exporter},
		cdds.ActionDownload:        {administrator, exporter},
		cdds.ActionDeleteArtifacts: {administrator},
		cdds.ActionManageUsers:     {administrator},
		// Nobody has rights that do not exist.
		"": {}, "download ": {}, "Download": {}, "*": {}, "drop-tables": {},
	}
	// Nor has a role that does not exist any right.
	roles := []cdds.Role{administrator, exporter, viewer, cdds.RoleNone, "root", "Administrator", "administrator ", "*"}
	for action, allowed := range matrix {
		for _, role := range roles {
			if got, want := role.Can(action), slices.Contains(allowed, role); got != want {
				t.Errorf("role %q, right %q: %v, want %v", role, action, got, want)
			}
		}
	}
	for _, role := range roles {
		if !role.Can(cdds.ActionSignedIn) || !role.Can(cdds.ActionOwnSessions) || !role.Can(cdds.ActionOwnPassword) {
			t.Errorf("role %q may not even sign out, or change the own password", role)
		}
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		name string
		good bool
	}{
		{"a", true},
		{"ann.lee@example.com", true},
		{"Müller, Jürgen", true},
		{"名前", true},
		{strings.Repeat("ü", 100), true},
		{strings.Repeat("u", 101), false},
		{"", false},
		{" ", false},
		{" ann", false},
		{"ann\u00a0", false},
		{"an\nn", false},
		{"ann\x00", false},
		{"an\x7fn", false},
		{"an\u0085n", false},
		{"ann\xff", false},
	}
	for _, test := range tests {
		for field, err := range map[string]error{"username": cdds.ValidateUsername(test.name), "tenant": cdds.ValidateTenantName(test.name)} {
			var want []string
			if !test.good {
				want = []string{field}
			}
			if got := fieldsOf(t, err); !slices.Equal(got, want) {
				t.Errorf("%s %q: broken fields %q, want %q", field, test.name, got, want)
			}
		}
	}
}

func TestPasswords(t *testing.T) {
	tests := []struct {
		name, password string
		good           bool
	}{
		{"empty", "", false},
		{"11 characters", "eleven-sign", false},
		{"12 characters", "twelve-signs", true},
		{"11 characters and one space more", "eleven  sign", false},
		{"12 characters of four bytes", "🔑🎉🚀🌍🍀🐢🎸🧭🪁🥨🛶🦉", true},
		{"11 characters of four bytes", "🔑🎉🚀🌍🍀🐢🎸🧭🪁🥨🛶", false},
		{"spaces count", "a b c d e f ", true},
		{"256 characters", strings.Repeat("éàüöß hat er nie", 16), true},
		{"257 characters", strings.Repeat("éàüöß hat er nie", 16) + "e", false},
		{"not UTF-8", "twelve-signs\xff", false},
	}
	for _, test := range tests {
		err := cdds.ValidatePassword(test.password)
		var want []string
		if !test.good {
			want = []string{"password"}
		}
		if got := fieldsOf(t, err); !slices.Equal(got, want) {
			t.Errorf("%s: broken fields %q, want %q", test.name, got, want)
		}
		if err != nil && test.password != "" && strings.Contains(err.Error(), test.password) {
			t.Errorf("%s: the refusal repeats the password", test.name)
		}
	}
}
