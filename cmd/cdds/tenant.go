package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// tenantCommand groups the commands about tenants. They are the operator's: the
// API shows a tenant to its administrators and changes nothing.
type tenantCommand struct {
	Add  tenantAddCommand  `cmd:"" help:"Add a tenant."`
	List tenantListCommand `cmd:"" help:"List tenants."`
	Show tenantShowCommand `cmd:"" help:"Show a tenant, its limits and what it uses."`
	Edit tenantEditCommand `cmd:"" help:"Change a tenant; what is not given stays."`
}

// tenantSettings are what add and edit have in common. Their names differ from
// those of the service's settings, which a settings file gives to every command.
type tenantSettings struct {
	SourceName    *string `help:"Source of the tenant's data, by its name under sources in the settings; default is the deployment's own." placeholder:"NAME"`
	MaxRuns       *int    `help:"Most runs in progress at a time; 0: any number." placeholder:"N"`
	MaxStorage    *string `help:"Most bytes of artifacts that are kept, such as 20GiB; 0: any number." placeholder:"SIZE"`
	RetentionDays *int    `help:"How long new artifacts are kept; 0: as long as the deployment keeps them." placeholder:"DAYS"`
}

// change reads the flags.
func (f tenantSettings) change() (control.TenantChange, error) {
	ch := control.TenantChange{Runs: f.MaxRuns, RetentionDays: f.RetentionDays}
	if f.SourceName != nil {
		name := *f.SourceName
		if name == cdds.DefaultSource {
			name = ""
		} else if name == "" {
			return ch, cdds.Invalid("source-name", "is empty; default is the deployment's own source.")
		}
		ch.Source = &name
	}
	if f.MaxStorage != nil {
		size, err := cdds.ParseSize("max-storage", *f.MaxStorage)
		if err != nil {
			return ch, err
		}
		ch.Storage = &size
	}
	return ch, nil
}

// tenantAddCommand adds a tenant.
type tenantAddCommand struct {
	dataFlags
	tenantSettings
	outputFlags
	Name     string `arg:"" help:"Name of the tenant."`
	TenantID int64  `help:"The tenant's number (tenantId) in Contact History." required:"" placeholder:"N"`
}

// Run adds the tenant.
func (c *tenantAddCommand) Run(ctx context.Context, std streams) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	tenant, err := openControl(st).AddTenant(ctx, change.Apply(cdds.Tenant{Name: c.Name, SourceID: c.TenantID}), utcNow())
	return printTenant(ctx, st, tenant, err, std.Out, c.Output)
}

// tenantEditCommand changes a tenant.
type tenantEditCommand struct {
	dataFlags
	tenantSettings
	outputFlags
	Name     string  `arg:"" help:"Name of the tenant."`
	Rename   *string `help:"New name of the tenant." placeholder:"NAME"`
	TenantID *int64  `help:"New number (tenantId) in Contact History, as long as the tenant has no runs." placeholder:"N"`
}

// Run changes the tenant.
func (c *tenantEditCommand) Run(ctx context.Context, std streams) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	change.Name, change.SourceID = c.Rename, c.TenantID
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	if err := st.Ready(ctx); err != nil {
		return closing(st, err)
	}
	tenant, err := openControl(st).EditTenant(ctx, c.Name, change, utcNow())
	return printTenant(ctx, st, tenant, err, std.Out, c.Output)
}

// tenantShowCommand shows a tenant.
type tenantShowCommand struct {
	dataFlags
	outputFlags
	Name string `arg:"" help:"Name of the tenant."`
}

// Run shows the tenant.
func (c *tenantShowCommand) Run(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	tenant, err := st.TenantNamed(ctx, c.Name)
	return printTenant(ctx, st, tenant, err, std.Out, c.Output)
}

// tenantListCommand lists tenants.
type tenantListCommand struct {
	dataFlags
	outputFlags
}

// Run lists the tenants.
func (c *tenantListCommand) Run(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return closing(st, err)
	}
	listed := make([]listedTenant, 0, len(tenants))
	for _, t := range tenants {
		one, err := listTenant(ctx, st, t)
		if err != nil {
			return closing(st, err)
		}
		listed = append(listed, one)
	}
	if err := st.Close(); err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(listed)
	}
	table := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTENANT-ID\tSOURCE\tRUNS\tSTORAGE\tRETENTION")
	for _, t := range listed {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", t.Name, t.Number, t.Source, t.runs(), t.storage(), t.retention())
	}
	return table.Flush()
}

// listedTenant is a tenant in the JSON output; a limit of 0 is none.
type listedTenant struct {
	Name          string `json:"name"`
	Number        int64  `json:"tenantId"`
	Source        string `json:"source"`
	MaxRuns       int    `json:"maxRuns"`
	MaxStorage    int64  `json:"maxStorageBytes"`
	RetentionDays int    `json:"retentionDays"`
	Running       int64  `json:"running"`
	Waiting       int64  `json:"waiting"`
	Storage       int64  `json:"storageBytes"`
}

// listTenant adds what a tenant uses.
func listTenant(ctx context.Context, st *store.Store, t cdds.Tenant) (listedTenant, error) {
	runs, err := st.RunUse(ctx, t.ID, utcNow())
	if err != nil {
		return listedTenant{}, err
	}
	stored, err := st.StorageUse(ctx, t.ID)
	return listedTenant{
		Name: t.Name, Number: t.SourceID, Source: t.SourceName(), MaxRuns: t.Limits.Runs, MaxStorage: t.Limits.Storage, RetentionDays: t.Limits.RetentionDays,
		Running: runs.InProgress, Waiting: runs.Queued, Storage: stored.Bytes,
	}, err
}

func (t listedTenant) runs() string {
	if t.MaxRuns == 0 {
		return fmt.Sprintf("%d, no limit", t.Running)
	}
	return fmt.Sprintf("%d of %d", t.Running, t.MaxRuns)
}

func (t listedTenant) storage() string {
	if t.MaxStorage == 0 {
		return cdds.FormatSize(t.Storage) + ", no limit"
	}
	return cdds.FormatSize(t.Storage) + " of " + cdds.FormatSize(t.MaxStorage)
}

func (t listedTenant) retention() string {
	if t.RetentionDays == 0 {
		return "the deployment's"
	}
	return strconv.Itoa(t.RetentionDays) + " days"
}

// printTenant prints one tenant as it is now and closes the store; err is what
// came before.
func printTenant(ctx context.Context, st *store.Store, t cdds.Tenant, err error, w io.Writer, output string) error {
	var one listedTenant
	if err == nil {
		one, err = listTenant(ctx, st, t)
	}
	if err := closing(st, err); err != nil {
		return err
	}
	if output == "json" {
		return json.NewEncoder(w).Encode(one)
	}
	_, err = fmt.Fprintf(w, "Tenant %s\n  number     %d\n  source     %s\n  running    %s (%d waiting)\n  storage    %s\n  retention  %s\n",
		one.Name, one.Number, one.Source, one.runs(), one.Waiting, one.storage(), one.retention())
	return err
}
