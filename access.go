package cdds

import (
	"strings"
	"unicode/utf8"
)

// Action is a right that a request needs.
type Action string

// The rights.
const (
	// ActionSignedIn is what everybody may do who is known, also without a role:
	// see who they are.
	ActionSignedIn Action = "signed-in"
	// ActionOwnSessions is to see and end one's own sessions, also without a role.
	ActionOwnSessions Action = "own-sessions"
	// ActionOwnPassword is to change one's own password, also without a role.
	ActionOwnPassword     Action = "own-password"
	ActionOwnTokens       Action = "own-tokens"
	ActionOwnPreferences  Action = "own-preferences"
	ActionSeeJobs         Action = "see-jobs"
	ActionManageJobs      Action = "manage-jobs"
	ActionSeeRuns         Action = "see-runs"
	ActionStartRuns       Action = "start-runs"
	ActionCancelRuns      Action = "cancel-runs"
	ActionDeleteRuns      Action = "delete-runs"
	ActionSeeArtifacts    Action = "see-artifacts"
	ActionDownload        Action = "download"
	ActionDeleteArtifacts Action = "delete-artifacts"
	ActionManageUsers     Action = "manage-users"
	ActionSeeAudit        Action = "see-audit"
	// ActionSeeRecipients is to see who else can read one's exports.
	ActionSeeRecipients    Action = "see-recipients"
	ActionManageRecipients Action = "manage-recipients"
	ActionSeeTenant        Action = "see-tenant"
	// ActionSeeNodes is to see the nodes of the deployment, which serve all tenants.
	ActionSeeNodes Action = "see-nodes"
)

// Can reports whether the role has the right. What is not listed is refused.
// Exporters see jobs, so that they know what they start, but do not change
// them; viewers see History only and have no use for a certificate.
func (r Role) Can(a Action) bool {
	if a == ActionSignedIn || a == ActionOwnSessions || a == ActionOwnPassword {
		return true
	}
	switch r {
	case RoleAdministrator:
		switch a {
		case ActionOwnPreferences, ActionOwnTokens, ActionSeeJobs, ActionManageJobs, ActionSeeRuns, ActionStartRuns, ActionCancelRuns,
			ActionDeleteRuns, ActionSeeArtifacts, ActionDownload, ActionDeleteArtifacts, ActionManageUsers,
			ActionSeeAudit, ActionSeeRecipients, ActionManageRecipients, ActionSeeTenant, ActionSeeNodes:
			return true
		}
	case RoleExporter:
		switch a {
		case ActionOwnPreferences, ActionOwnTokens, ActionSeeJobs, ActionSeeRuns, ActionStartRuns, ActionCancelRuns, ActionSeeArtifacts, ActionDownload,
			ActionSeeRecipients:
			return true
		}
	case RoleViewer:
		return a == ActionSeeRuns || a == ActionOwnTokens
	}
	return false
}

// maxNameLength bounds names, in characters.
const maxNameLength = 100

// ValidateUsername returns nil or says what is wrong with a username.
func ValidateUsername(name string) error { return validateName("username", name) }

// ValidateTenantName returns nil or says what is wrong with a tenant's name.
func ValidateTenantName(name string) error { return validateName("tenant", name) }

func validateName(field, name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxNameLength || !printable(name) || strings.TrimSpace(name) != name {
		return Invalid(field, "must have 1 to 100 characters, none of them a control character, and no space at its ends.")
	}
	return nil
}
