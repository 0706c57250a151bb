package main

import (
	"context"
	"encoding/json"
	"fmt"

	"cdds"
)

// migrateCommand brings the metadata database to this version. serve does the
// same at its start; the command is for operators who want to see it done. With
// --from it moves a single-node installation into PostgreSQL.
type migrateCommand struct {
	dataFlags
	From          string `help:"Move an installation from here into the empty PostgreSQL database that --database names: its data folder, or sqlite:FILE. Its service must not run." placeholder:"DIR"`
	FromArtifacts string `help:"Artifact storage of the installation that is moved; default is the folder artifacts beside its database." placeholder:"URL"`
	Artifacts     string `help:"Artifact storage after the move, as for serve; the files are copied to it. Default is to leave them where they are." env:"CDDS_ARTIFACTS" placeholder:"URL"`
	ArtifactsOnly bool   `help:"Copy the files that are there now, while the service may run. The move itself then has few to copy." xor:"step"`
	Check         bool   `help:"Say what would be moved and what is in the way, and change nothing." xor:"step"`
	outputFlags
}

// Run does what the flags ask for.
func (c *migrateCommand) Run(ctx context.Context, std streams) error {
	switch {
	case c.From != "":
		return c.move(ctx, std)
	case c.Check || c.ArtifactsOnly || c.FromArtifacts != "":
		return &cdds.Error{Code: cdds.CodeInvalid, Message: "There is nothing to move.", Hint: "Name the installation that is moved with --from."}
	}
	return c.update(ctx, std)
}

// update migrates and says so.
func (c *migrateCommand) update(ctx context.Context, std streams) error {
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	if err := closing(st, st.Ready(ctx)); err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(map[string]bool{"ready": true})
	}
	_, err = fmt.Fprintln(std.Out, "The metadata database is at this version's schema.")
	return err
}
