package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"cdds"
	"cdds/api"
	"cdds/control"
	"cdds/store"
)

// auditCommand groups the commands about the audit log.
type auditCommand struct {
	List   auditListCommand   `cmd:"" help:"Show the newest lines of a tenant's audit log, or of the deployment's."`
	Export auditExportCommand `cmd:"" help:"Write a whole audit log as JSON Lines or CSV, oldest first."`
	Verify auditVerifyCommand `cmd:"" help:"Walk the hash chains of all audit logs, and name the first line that is not as it was written."`
	Head   auditHeadCommand   `cmd:"" help:"Print the heads of all audit logs, to be kept elsewhere for verify --heads."`
}

// openReady opens metadata that is there already and of this version. The
// commands that look at the log must not change what they look at.
func openReady(ctx context.Context, flags dataFlags) (*store.Store, error) {
	st, err := openExisting(ctx, flags)
	if err != nil {
		return nil, err
	}
	if err := st.Ready(ctx); err != nil {
		return nil, closing(st, err)
	}
	return st, nil
}

// logFlags say whose log, and which of its lines.
type logFlags struct {
	dataFlags
	Tenant     string    `help:"Name of the tenant whose log is meant." xor:"whose" required:""`
	Deployment bool      `help:"The log of what belongs to no tenant: sign-ins of unknown names, requests without a known caller." xor:"whose" required:""`
	From       time.Time `help:"At or after this instant (RFC 3339)."`
	To         time.Time `help:"Before this instant (RFC 3339)."`
	User       string    `help:"A user's name."`
	Action     string    `help:"An action, such as job.create."`
	Result     string    `help:"done or refused." enum:"done,refused," default:""`
	Text       string    `help:"Part of the user's name or the detail, or the beginning of the object's id."`
}

// query finds the tenant and asks for the lines.
func (f logFlags) query(ctx context.Context, st *store.Store) (store.AuditQuery, error) {
	if f.Deployment {
		return f.filter().Query(store.NoTenant), nil
	}
	tenant, err := st.TenantNamed(ctx, f.Tenant)
	return f.filter().Query(tenant.ID), err
}

// filter holds the conditions, as those of the API.
func (f logFlags) filter() api.AuditFilter {
	return api.AuditFilter{Text: f.Text, User: f.User, Action: f.Action, Result: f.Result, From: f.From, To: f.To}
}

// auditListCommand shows lines.
type auditListCommand struct {
	logFlags
	outputFlags
	Limit int `help:"Lines at most, 1 to 500." default:"50"`
}

// Run shows the newest lines that the flags ask for.
func (c *auditListCommand) Run(ctx context.Context, std streams) error {
	st, err := openReady(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	q, err := c.query(ctx, st)
	if err != nil {
		return closing(st, err)
	}
	q.Limit = c.Limit
	page, err := st.Audit(ctx, q)
	if err := closing(st, err); err != nil {
		return err
	}
	if c.Output == "json" {
		lines := make([]api.AuditLine, 0, len(page.Items))
		for _, e := range page.Items {
			lines = append(lines, api.WireAudit(e))
		}
		return json.NewEncoder(std.Out).Encode(lines)
	}
	table := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "TIME (UTC)\tUSER\tACTION\tRESULT\tTIMES\tOBJECT\tDETAIL\tADDRESS")
	for _, e := range page.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", e.At.Format(time.DateTime), e.Username, e.Action, e.Result, e.Times, e.Object, e.Detail, e.Address)
	}
	return table.Flush()
}

// auditExportCommand writes a log.
type auditExportCommand struct {
	logFlags
	Format string `help:"jsonl or csv." enum:"jsonl,csv" default:"jsonl"`
	Out    string `help:"File to write; it must not exist. - is standard output." default:"-" placeholder:"FILE"`
}

// Run writes the lines that the flags ask for. The log says that it was
// exported.
func (c *auditExportCommand) Run(ctx context.Context, std streams) (err error) {
	st, err := openReady(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	q, err := c.query(ctx, st)
	if err != nil {
		return err
	}
	out := std.Out
	if c.Out != "-" {
		file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("make the file of the export: %w", err)
		}
		return closing(file, c.write(ctx, st, file, q))
	}
	return c.write(ctx, st, out, q)
}

func (c *auditExportCommand) write(ctx context.Context, st *store.Store, out io.Writer, q store.AuditQuery) error {
	last, err := openControl(st).RecordAuditExport(ctx, control.Operator(q.TenantID), c.filter().Words(c.Format), utcNow())
	if err != nil {
		return err
	}
	return api.ExportAudit(ctx, out, c.Format, st, q, last)
}

// auditHeadCommand prints heads.
type auditHeadCommand struct {
	dataFlags
	outputFlags
}

// Run prints a line for each log.
func (c *auditHeadCommand) Run(ctx context.Context, std streams) (err error) {
	st, err := openReady(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	logs, err := allLogs(ctx, st)
	if err != nil {
		return err
	}
	printed := []printedHead{}
	for _, l := range logs {
		head, err := st.AuditHead(ctx, l.id)
		if err != nil {
			return err
		}
		if head.Number > 0 {
			printed = append(printed, printedHead{l.name, headText(head)})
		}
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(printed)
	}
	for _, p := range printed {
		if _, err := fmt.Fprintln(std.Out, p.Head); err != nil {
			return err
		}
	}
	return nil
}

// printedHead is a head in the JSON output.
type printedHead struct {
	Tenant string `json:"tenant"`
	Head   string `json:"head"`
}

// logOf names a log: by the tenant, or by what it was called once.
type logOf struct{ id, name string }

// deploymentName is what the log of no tenant is called.
const deploymentName = "(deployment)"

// allLogs returns the logs of all tenants, also of those without lines, and of
// tenants that only the log knows.
func allLogs(ctx context.Context, st *store.Store) ([]logOf, error) {
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	logs := []logOf{{store.NoTenant, deploymentName}}
	known := map[string]bool{store.NoTenant: true}
	for _, t := range tenants {
		logs, known[t.ID] = append(logs, logOf{t.ID, t.Name}), true
	}
	chains, err := st.AuditChains(ctx)
	for _, id := range chains {
		if !known[id] {
			logs = append(logs, logOf{id, "unknown tenant " + id})
		}
	}
	return logs, err
}

// errBroken ends verify where a log is not whole: exit code 1.
func errBroken() error {
	return &cdds.Error{Code: cdds.CodeConflict, Message: "The audit log is not as it was written.",
		Hint: "Compare with a backup or an export from before, and find out who can write to the database; docs/audit.md says what a broken chain means."}
}
