package cdds

import "time"

// Role says what a user may do. A user may have none.
type Role string

const (
	// RoleNone may sign in and sees Access Denied.
	RoleNone Role = ""
	// RoleAdministrator may do everything in the tenant.
	RoleAdministrator Role = "administrator"
	// RoleExporter sees, starts, cancels and downloads.
	RoleExporter Role = "exporter"
	// RoleViewer sees History, without downloads.
	RoleViewer Role = "viewer"
)

// User is a person of a tenant.
type User struct {
	ID           string
	TenantID     string
	TenantName   string
	Username     string
	PasswordHash string // argon2id, encoded with its parameters
	Role         Role
	Active       bool
	CreatedAt    time.Time
}
