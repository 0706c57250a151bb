package main

import (
	"context"
	"fmt"
)

// migrateCommand brings the metadata database to this version. serve does the
// same at its start; the command is for operators who want to see it done.
type migrateCommand struct{ dataFlags }

// Run migrates and says so.
func (c *migrateCommand) Run(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	if err := closing(st, st.Ready(ctx)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, "The metadata database is at this version's schema.")
	return err
}
