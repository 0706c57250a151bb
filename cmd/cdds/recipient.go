package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"cdds/control"
	"cdds/store"
)

// recipientCommand groups the commands about a tenant's recipients.
type recipientCommand struct {
	Add    recipientAddCommand    `cmd:"" help:"Encrypt all exports of a tenant to one more certificate, beside the owner's."`
	List   recipientListCommand   `cmd:"" help:"List a tenant's recipients."`
	Remove recipientRemoveCommand `cmd:"" help:"Remove a recipient; what was exported stays readable with its key."`
}

// tenantFlags name the tenant whose recipients are meant.
type tenantFlags struct {
	dataFlags
	Tenant string `help:"Name of the tenant." required:""`
}

// open opens the metadata and finds the tenant. What is done by it is done by
// whoever runs the deployment, and the audit log says so.
func (f tenantFlags) open(ctx context.Context) (*store.Store, control.Caller, error) {
	st, err := openStore(ctx, f.dataFlags, true)
	if err != nil {
		return nil, control.Caller{}, err
	}
	tenant, err := st.TenantNamed(ctx, f.Tenant)
	if err != nil {
		return nil, control.Caller{}, closing(st, err)
	}
	return st, control.Operator(tenant.ID), nil
}

// recipientAddCommand adds a recipient.
type recipientAddCommand struct {
	tenantFlags
	Title       string `arg:"" help:"Whose certificate it is."`
	Certificate string `arg:"" help:"The certificate, PEM or DER." type:"existingfile"`
}

// Run adds the recipient.
func (c *recipientAddCommand) Run(ctx context.Context, std streams) error {
	data, err := os.ReadFile(c.Certificate)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	st, by, err := c.open(ctx)
	if err != nil {
		return err
	}
	r, err := openControl(st).AddRecipient(ctx, by, c.Title, data, utcNow())
	if err := closing(st, err); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "Recipient %s (%s) of tenant %s was added with the id %s.\n", r.Title, r.Certificate.Subject, c.Tenant, r.ID)
	return err
}

// recipientListCommand lists recipients.
type recipientListCommand struct {
	tenantFlags
	outputFlags
}

// listedRecipient is a recipient in the JSON output.
type listedRecipient struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
	Fingerprint string    `json:"fingerprint"`
	AddedBy     string    `json:"addedBy"`
	AddedAt     time.Time `json:"addedAt"`
}

// Run lists the recipients.
func (c *recipientListCommand) Run(ctx context.Context, std streams) error {
	st, by, err := c.open(ctx)
	if err != nil {
		return err
	}
	recipients, err := st.Recipients(ctx, by.User.TenantID)
	if err := closing(st, err); err != nil {
		return err
	}
	listed := make([]listedRecipient, 0, len(recipients))
	for _, r := range recipients {
		listed = append(listed, listedRecipient{r.ID, r.Title, r.Certificate.Subject, r.Certificate.NotAfter, r.Certificate.Fingerprint, r.AddedBy, r.AddedAt})
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(listed)
	}
	table := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTITLE\tSUBJECT\tVALID UNTIL (UTC)\tADDED BY")
	for _, r := range listed {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Title, r.Subject, r.NotAfter.Format(time.DateTime), r.AddedBy)
	}
	return table.Flush()
}

// recipientRemoveCommand removes a recipient.
type recipientRemoveCommand struct {
	tenantFlags
	ID string `arg:"" help:"Id of the recipient, as cdds recipient list shows it."`
}

// Run removes the recipient.
func (c *recipientRemoveCommand) Run(ctx context.Context, std streams) error {
	st, by, err := c.open(ctx)
	if err != nil {
		return err
	}
	if err := closing(st, openControl(st).RemoveRecipient(ctx, by, c.ID, utcNow())); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, "The recipient was removed.")
	return err
}
