package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"cdds"
	"cdds/store"
)

// doctorCommand checks what the service needs.
type doctorCommand struct {
	dataFlags
	sourceFlags
	limitFlags
	storageFlags
	outputFlags
	TLSCert string `help:"PEM file with the certificate that the service shows, to look when it ends." name:"tls-cert" env:"CDDS_TLS_CERT" placeholder:"FILE" type:"path"`
}

// diagnosis is the result of one check.
type diagnosis struct {
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// Free space, in bytes, below which doctor warns, and below which it says that
// something is wrong.
const (
	lowDisk  = 1 << 30
	fullDisk = 100 << 20
)

// Run makes all checks, prints them, and fails when one of them failed.
func (c *doctorCommand) Run(ctx context.Context, std streams) error {
	var found []diagnosis
	st, err := openStore(ctx, c.dataFlags, false)
	found = append(found, diagnose("metadata database", "answers", err))
	var tenants []cdds.Tenant
	if st != nil {
		err := st.Ready(ctx)
		found = append(found, diagnose("migrations", "the schema is of this version", err), diagnose("queue", "its tables are of this version", queueTables(ctx, st)))
		if err == nil {
			found = append(found, databaseClock(ctx, st))
			found = append(found, c.certificates(ctx, st)...)
			found = append(found, recipients(ctx, st)...)
			found = append(found, leftJobs(ctx, st)...)
			tenants, err = st.Tenants(ctx)
			found = append(found, unlessGood("tenants", err)...)
		}
		if err := st.Close(); err != nil {
			return fmt.Errorf("close the metadata database: %w", err)
		}
	}
	found = append(found, c.storage(ctx))
	found = append(found, c.sourceChecks(ctx, tenants)...)
	found = append(found, c.limitFlags.diagnosis())
	found = append(found, c.disks()...)
	found = append(found, clock(utcNow()))
	if c.TLSCert != "" {
		found = append(found, shownCertificate(c.TLSCert, utcNow()))
	}
	if err := c.print(std.Out, found); err != nil {
		return err
	}
	for _, d := range found {
		if !d.OK {
			return errors.New("something is not as it should be; the lines above say what to do")
		}
	}
	return nil
}

// diagnose turns the outcome of a check into a line.
func diagnose(check, good string, err error) diagnosis {
	if err == nil {
		return diagnosis{Check: check, OK: true, Detail: good}
	}
	d := diagnosis{Check: check, Detail: err.Error()}
	var e *cdds.Error
	if errors.As(err, &e) {
		d.Detail, d.Remedy = e.Message, e.Hint
	}
	return d
}

// unlessGood is a line about a check that says nothing when all is well.
func unlessGood(check string, err error) []diagnosis {
	if err == nil {
		return nil
	}
	return []diagnosis{diagnose(check, "", err)}
}

// certificates looks for users whose certificate is missing, expired or about
// to expire.
func (c *doctorCommand) certificates(ctx context.Context, st *store.Store) []diagnosis {
	users, err := st.Users(ctx, "")
	if err != nil {
		return []diagnosis{diagnose("certificates", "", err)}
	}
	var found []diagnosis
	now := utcNow()
	for _, u := range users {
		if !u.Active || !u.Role.Can(cdds.ActionManageJobs) {
			continue
		}
		check := "certificate of " + u.TenantName + "/" + u.Username
		cert, err := st.Certificate(ctx, u.ID)
		switch {
		case cdds.CodeOf(err) == cdds.CodeNotFound:
			found = append(found, diagnosis{Check: check, OK: true, Warning: true, Detail: "is missing", Remedy: "The user imports one before jobs of theirs can run."})
		case err != nil:
			found = append(found, diagnose(check, "", err))
		case cert.Check(now) != nil || cert.ExpiryWarning(now) > 0:
			found = append(found, diagnosis{Check: check, OK: true, Warning: true, Detail: "ends on " + cert.NotAfter.Format(time.DateOnly), Remedy: "The user imports a new one before that day."})
		default:
			found = append(found, diagnosis{Check: check, OK: true, Detail: "is valid until " + cert.NotAfter.Format(time.DateOnly)})
		}
	}
	return found
}

// recipients looks for recipients of tenants whose certificate has expired, which
// keeps the tenant from exporting, or is about to.
func recipients(ctx context.Context, st *store.Store) []diagnosis {
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return []diagnosis{diagnose("recipients", "", err)}
	}
	var found []diagnosis
	now := utcNow()
	for _, t := range tenants {
		all, err := st.Recipients(ctx, t.ID)
		if err != nil {
			return append(found, diagnose("recipients of "+t.Name, "", err))
		}
		for _, r := range all {
			d := diagnosis{Check: "recipient of " + t.Name + ": " + r.Title, OK: r.Certificate.Check(now) == nil, Detail: "is valid until " + r.Certificate.NotAfter.Format(time.DateOnly)}
			if d.Warning = r.Certificate.ExpiryWarning(now) > 0; d.Warning {
				d.Detail = "ends on " + r.Certificate.NotAfter.Format(time.DateOnly)
				d.Remedy = "Add the recipient's new certificate and remove the old one: with an expired recipient the tenant exports nothing."
			}
			found = append(found, d)
		}
	}
	return found
}

// storage says whether the artifact storage works. What the storage itself
// answered helps whoever sets it up, so it is said as well.
func (c *doctorCommand) storage(ctx context.Context) diagnosis {
	err := c.storageRoundTrip(ctx)
	d := diagnose("artifact storage", "takes, gives and deletes a file", err)
	if cause := errors.Unwrap(err); cause != nil && cdds.CodeOf(err) == cdds.CodeUnavailable {
		d.Detail += " It says: " + redact(cause.Error())
	}
	if !d.OK && d.Remedy == "" {
		d.Remedy = "Look whether what --artifacts names is there, has free space, and may be written by the user that the service runs as."
	}
	return d
}

// storageRoundTrip writes, reads and deletes a small object.
func (c *doctorCommand) storageRoundTrip(ctx context.Context) error {
	files, err := openStorage(ctx, c.artifacts(c.Data))
	if err != nil {
		return err
	}
	return closing(files.bucket, files.roundTrip(ctx))
}

// disks looks at the free space of the data folder, and of the artifact storage
// where that is another folder.
func (c *doctorCommand) disks() []diagnosis {
	folders := []string{c.Data}
	if folder, err := folderOf(c.Artifacts); folder != "" && err == nil {
		folders = append(folders, folder)
	}
	var found []diagnosis
	for _, folder := range folders {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(folder, &fs); err != nil {
			d := diagnose("disk", "", fmt.Errorf("look at %s: %w", folder, err))
			d.Remedy = "Make the folder, or mount what should be there."
			found = append(found, d)
			continue
		}
		found = append(found, space(folder, int64(fs.Bavail)*fs.Bsize))
	}
	return found
}

// space judges the free bytes of a folder's file system.
func space(folder string, free int64) diagnosis {
	d := diagnosis{Check: "disk", OK: free >= fullDisk, Warning: free >= fullDisk && free < lowDisk, Detail: fmt.Sprintf("%d MiB free under %s", free>>20, folder)}
	if free < lowDisk {
		d.Remedy = "Free space, or shorten --retention."
	}
	return d
}

// clock refuses a clock that cannot be right: schedules would run at the wrong
// time and certificates would look invalid.
func clock(now time.Time) diagnosis {
	d := diagnosis{Check: "clock", OK: now.Year() >= 2026, Detail: now.Format(time.RFC3339)}
	if !d.OK {
		d.Remedy = "Set the machine's clock; a time service keeps it right."
	}
	return d
}

// print writes one line for each check, or JSON.
func (c *doctorCommand) print(w io.Writer, found []diagnosis) error {
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(found)
	}
	var b strings.Builder
	for _, d := range found {
		mark := "ok      "
		switch {
		case !d.OK:
			mark = "BROKEN  "
		case d.Warning:
			mark = "warning "
		}
		fmt.Fprintf(&b, "%s%s: %s\n", mark, d.Check, d.Detail)
		if d.Remedy != "" {
			fmt.Fprintf(&b, "        %s\n", d.Remedy)
		}
	}
	_, err := io.WriteString(w, redact(b.String()))
	return err
}
