package main

import (
	"context"
	"fmt"
	"log/slog"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// namedFlags name the user that a command changes.
type namedFlags struct {
	dataFlags
	Name   string `arg:"" help:"Username."`
	Tenant string `help:"Name of the tenant; needed where several have a user of that name."`
}

// change opens the metadata, finds the user and lets do change them. Its verbs
// have a queue that only takes tasks: a take-over may start what is due.
func (f namedFlags) change(ctx context.Context, do func(ctl *control.Control, st *store.Store, user cdds.User) error) error {
	st, err := openStore(ctx, f.dataFlags, true)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	tasks, err := queue.Open(queue.Config{DB: st.DB(), Postgres: st.Dialect() == store.Postgres, Log: log, Now: utcNow}, nil)
	if err != nil {
		return closing(st, err)
	}
	ctl := control.New(control.Config{Store: st, Queue: tasks, Log: log})
	user, err := ctl.UserNamed(ctx, f.Name, f.Tenant)
	if err == nil {
		err = do(ctl, st, user)
	}
	return closing(st, err)
}

// userRoleCommand gives a user another role.
type userRoleCommand struct {
	namedFlags
	Role string `arg:"" help:"administrator, exporter, viewer, or none." enum:"administrator,exporter,viewer,none"`
}

// Run changes the role.
func (c *userRoleCommand) Run(ctx context.Context, std streams) error {
	err := c.change(ctx, func(ctl *control.Control, _ *store.Store, user cdds.User) error {
		_, err := ctl.SetRole(ctx, control.Operator(user.TenantID), user.ID, roleOf(c.Role), utcNow())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "The role of %s is %s. Their sessions have ended.\n", c.Name, c.Role)
	return err
}

// userDeactivateCommand lets a user in no more.
type userDeactivateCommand struct{ namedFlags }

// Run deactivates the user and says what becomes of their jobs.
func (c *userDeactivateCommand) Run(ctx context.Context, std streams) error {
	jobs := 0
	err := c.change(ctx, func(ctl *control.Control, st *store.Store, user cdds.User) error {
		if _, err := ctl.DeactivateUser(ctx, control.Operator(user.TenantID), user.ID, utcNow()); err != nil {
			return err
		}
		owned, err := st.JobsOf(ctx, user.TenantID, user.ID)
		jobs = len(owned)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "%s is deactivated: sessions have ended, and API tokens are refused.\n", c.Name)
	if jobs > 0 {
		fmt.Fprintf(std.Out, "Runs of their jobs (%d) fail until an administrator takes them over: cdds user take-over %s --by ADMINISTRATOR\n", jobs, c.Name)
	}
	return nil
}

// userActivateCommand lets a deactivated user in again.
type userActivateCommand struct{ namedFlags }

// Run activates the user.
func (c *userActivateCommand) Run(ctx context.Context, std streams) error {
	err := c.change(ctx, func(ctl *control.Control, _ *store.Store, user cdds.User) error {
		_, err := ctl.ActivateUser(ctx, control.Operator(user.TenantID), user.ID, utcNow())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "%s is active, with the password and the API tokens from before.\n", c.Name)
	return err
}

// userTakeOverCommand gives the jobs of a deactivated user to an administrator.
type userTakeOverCommand struct {
	namedFlags
	By string `help:"Username of the administrator who becomes the owner; needs a certificate." required:""`
}

// Run gives the jobs to the administrator.
func (c *userTakeOverCommand) Run(ctx context.Context, std streams) error {
	jobs := 0
	err := c.change(ctx, func(ctl *control.Control, _ *store.Store, user cdds.User) error {
		by, err := ctl.UserNamed(ctx, c.By, user.TenantName)
		if err != nil {
			return fmt.Errorf("look for %s: %w", c.By, err)
		}
		if !by.Administers() {
			return &cdds.Error{Code: cdds.CodeForbidden, Message: c.By + " is not an active administrator of the tenant.", Hint: "Name another one with --by."}
		}
		jobs, err = ctl.TakeOver(ctx, control.Caller{User: by}, user.ID, utcNow())
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "Jobs that %s owns now: %d. Their runs are encrypted to the certificate of %s.\n", c.By, jobs, c.By)
	return err
}

// roleOf reads a role, or none.
func roleOf(word string) cdds.Role {
	if word == "none" {
		return cdds.RoleNone
	}
	return cdds.Role(word)
}
