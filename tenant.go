package cdds

import (
	"regexp"
	"time"
)

// Tenant is one customer organisation.
type Tenant struct {
	ID       string
	Name     string
	SourceID int64 // the tenant's number in its source
	// Source names the database that its data come from, among the sources of
	// the settings; "" is the deployment's own.
	Source    string
	Limits    TenantLimits
	CreatedAt time.Time
}

// TenantLimits are what a tenant may use of the deployment. The zero value sets
// no limit and keeps artifacts as long as the deployment does.
type TenantLimits struct {
	Runs          int   // in progress at a time; 0: any number
	Storage       int64 // bytes of artifacts that are kept; 0: any number
	RetentionDays int   // 0: the deployment's
}

// DefaultSource is how people call the deployment's own source.
const DefaultSource = "default"

// Bounds of a tenant's limits.
const (
	MaxTenantRuns    = 10_000
	MinTenantStorage = 1 << 20 // bytes, 1 MiB: less holds no artifact of use
	MaxTenantStorage = 1 << 60 // bytes, 1 EiB
	MaxRetentionDays = 3650
)

// SourceName is the name of the tenant's source as people read it.
func (t Tenant) SourceName() string {
	if t.Source == "" {
		return DefaultSource
	}
	return t.Source
}

// Retention is how long the tenant's artifacts are kept in a deployment that
// keeps them for the given time.
func (l TenantLimits) Retention(deployment time.Duration) time.Duration {
	if l.RetentionDays == 0 {
		return deployment
	}
	return time.Duration(l.RetentionDays) * 24 * time.Hour
}

// Validate returns nil or CodeInvalid with the broken fields of a tenant.
func (t Tenant) Validate() error {
	if err := ValidateTenantName(t.Name); err != nil {
		return err
	}
	fields := t.Limits.broken()
	if t.SourceID < 1 {
		fields = append(fields, FieldError{"tenant-id", "must be the tenant's number (tenantId) in Contact History, 1 or more."})
	}
	if t.Source != "" && !ValidSourceName(t.Source) {
		fields = append(fields, FieldError{"source-name", "must be " + sourceNameRule + ", as it stands under sources in the settings."})
	}
	if len(fields) > 0 {
		return &Error{Code: CodeInvalid, Message: "The tenant cannot be saved.", Fields: fields}
	}
	return nil
}

// broken lists the limits that make no sense.
func (l TenantLimits) broken() (fields []FieldError) {
	if l.Runs < 0 || l.Runs > MaxTenantRuns {
		fields = append(fields, FieldError{"max-runs", "must be from 1 to 10000, or 0 for no limit."})
	}
	if l.Storage != 0 && (l.Storage < MinTenantStorage || l.Storage > MaxTenantStorage) {
		fields = append(fields, FieldError{"max-storage", "must be from 1 MiB to 1 EiB, or 0 for no limit."})
	}
	if l.RetentionDays < 0 || l.RetentionDays > MaxRetentionDays {
		fields = append(fields, FieldError{"retention-days", "must be from 1 to 3650, or 0 for the deployment's."})
	}
	return fields
}

// sourceNameRule is what a source's name looks like, in words.
const sourceNameRule = "1 to 63 lower-case letters, digits and hyphens that begin with a letter"

// ValidSourceName reports whether a source may have that name. The rule keeps
// out whatever could be an address or hold a password.
func ValidSourceName(name string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`).MatchString(name)
}
