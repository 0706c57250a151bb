package cdds_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cdds"
)

func TestNewTokens(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	good := cdds.Token{Name: "warehouse", Scopes: []cdds.Scope{cdds.ScopeRead}, ExpiresAt: now.Add(time.Hour)}
	for name, c := range map[string]struct {
		change func(k *cdds.Token)
		broken []string
	}{
		"good":            {func(*cdds.Token) {}, nil},
		"all scopes":      {func(k *cdds.Token) { k.Scopes = cdds.Scopes() }, nil},
		"a year and one":  {func(k *cdds.Token) { k.ExpiresAt = now.AddDate(1, 0, 1) }, nil},
		"no name":         {func(k *cdds.Token) { k.Name = "" }, []string{"name"}},
		"a long name":     {func(k *cdds.Token) { k.Name = strings.Repeat("n", 101) }, []string{"name"}},
		"no scope":        {func(k *cdds.Token) { k.Scopes = nil }, []string{"scopes"}},
		"unknown scope":   {func(k *cdds.Token) { k.Scopes = []cdds.Scope{"read", "write"} }, []string{"scopes"}},
		"expired":         {func(k *cdds.Token) { k.ExpiresAt = now }, []string{"expiresAt"}},
		"two years":       {func(k *cdds.Token) { k.ExpiresAt = now.AddDate(2, 0, 0) }, []string{"expiresAt"}},
		"never expires":   {func(k *cdds.Token) { k.ExpiresAt = time.Time{} }, []string{"expiresAt"}},
		"all of it wrong": {func(k *cdds.Token) { *k = cdds.Token{} }, []string{"name", "scopes", "expiresAt"}},
	} {
		k := good
		c.change(&k)
		if got := fieldsOf(t, k.Validate(now)); !slices.Equal(got, c.broken) {
			t.Errorf("%s: broken fields %q, want %q", name, got, c.broken)
		}
	}
}

// TestScopes writes out which scope each right needs. A right that no scope
// covers is for people who are signed in.
func TestScopes(t *testing.T) {
	want := map[cdds.Action]cdds.Scope{
		cdds.ActionSeeJobs: cdds.ScopeRead, cdds.ActionSeeRuns: cdds.ScopeRead, cdds.ActionSeeArtifacts: cdds.ScopeRead,
		cdds.ActionStartRuns: cdds.ScopeRun, cdds.ActionCancelRuns: cdds.ScopeRun, cdds.ActionDownload: cdds.ScopeDownload,
		cdds.ActionManageJobs: cdds.ScopeAdminister, cdds.ActionDeleteRuns: cdds.ScopeAdminister,
		cdds.ActionDeleteArtifacts: cdds.ScopeAdminister, cdds.ActionManageUsers: cdds.ScopeAdminister,
		cdds.ActionOwnPreferences: "", cdds.ActionOwnSessions: "", cdds.ActionOwnTokens: "", "": "", "*": "",
	}
	for action, scope := range want {
		for _, s := range append(cdds.Scopes(), "", "*", "root") {
			if got := s.Covers(action); got != (s == scope && scope != "") {
				t.Errorf("scope %q, right %q: %v", s, action, got)
			}
		}
	}
	if (cdds.Token{}).Can(cdds.ActionSeeJobs) || !(cdds.Token{}).Can(cdds.ActionSignedIn) {
		t.Error("a token without scopes may more or less than say whose it is")
	}
}
