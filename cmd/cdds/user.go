package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"cdds"
	"cdds/control"
)

// userCommand groups the commands about users.
type userCommand struct {
	Add        userAddCommand        `cmd:"" help:"Add a user, and its tenant where that is new."`
	List       userListCommand       `cmd:"" help:"List users."`
	Passwd     userPasswdCommand     `cmd:"" help:"Change a user's password; ends the user's sessions."`
	Role       userRoleCommand       `cmd:"" help:"Give a user another role; ends the user's sessions."`
	Deactivate userDeactivateCommand `cmd:"" help:"Let a user in no more; ends sessions, and API tokens are refused."`
	Activate   userActivateCommand   `cmd:"" help:"Let a deactivated user in again."`
	TakeOver   userTakeOverCommand   `cmd:"" help:"Give the jobs of a deactivated user to an administrator."`
}

// userAddCommand adds a user.
type userAddCommand struct {
	dataFlags
	Name          string `arg:"" help:"Username."`
	Tenant        string `help:"Name of the tenant." required:""`
	TenantID      int64  `help:"The tenant's number (tenantId) in Contact History; needed for a new tenant."`
	Role          string `help:"administrator, exporter or viewer; left out: a user without rights." enum:"administrator,exporter,viewer,none" default:"none"`
	PasswordStdin bool   `help:"Read the password from standard input." required:""`
}

// Run adds the user.
func (c *userAddCommand) Run(ctx context.Context, std streams) error {
	password, err := readPassword(std.In)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	user, err := openControl(st).AddUser(ctx, control.NewUser{
		Username: c.Name, Password: password, Role: roleOf(c.Role), Tenant: c.Tenant, TenantSourceID: c.TenantID,
	}, utcNow())
	if err := closing(st, err); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "User %s of tenant %s was added.\n", user.Username, user.TenantName)
	return err
}

// userListCommand lists users.
type userListCommand struct {
	dataFlags
	outputFlags
	Tenant string `help:"Only users of this tenant."`
}

// listedUser is a user in the JSON output.
type listedUser struct {
	Username string `json:"username"`
	Tenant   string `json:"tenant"`
	Role     string `json:"role"`
	Active   bool   `json:"active"`
}

// Run lists the users.
func (c *userListCommand) Run(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	tenantID := ""
	if c.Tenant != "" {
		tenant, err := st.TenantNamed(ctx, c.Tenant)
		if err != nil {
			return closing(st, err)
		}
		tenantID = tenant.ID
	}
	users, err := st.Users(ctx, tenantID)
	if err := closing(st, err); err != nil {
		return err
	}
	return c.print(std.Out, users)
}

func (c *userListCommand) print(w io.Writer, users []cdds.User) error {
	listed := make([]listedUser, 0, len(users))
	for _, u := range users {
		listed = append(listed, listedUser{Username: u.Username, Tenant: u.TenantName, Role: string(u.Role), Active: u.Active})
	}
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(listed)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "USERNAME\tTENANT\tROLE\tACTIVE")
	for _, u := range listed {
		fmt.Fprintf(table, "%s\t%s\t%s\t%t\n", u.Username, u.Tenant, u.Role, u.Active)
	}
	return table.Flush()
}

// userPasswdCommand changes a password.
type userPasswdCommand struct {
	dataFlags
	Name          string `arg:"" help:"Username."`
	Tenant        string `help:"Name of the tenant; needed where several have a user of that name."`
	PasswordStdin bool   `help:"Read the password from standard input." required:""`
}

// Run changes the password.
func (c *userPasswdCommand) Run(ctx context.Context, std streams) error {
	password, err := readPassword(std.In)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	if err := closing(st, openControl(st).SetPassword(ctx, c.Name, c.Tenant, password, utcNow())); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "The password of %s was changed.\n", c.Name)
	return err
}

// readPassword reads one line. The line's end does not belong to the password.
func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
