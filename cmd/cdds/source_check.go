package main

import (
	"context"
	"encoding/json"
	"fmt"

	"cdds"
	"cdds/source"
)

// sourceCommand groups the commands about the source.
type sourceCommand struct {
	Check sourceCheckCommand `cmd:"" help:"Compare the mapping with the live database and say what is missing."`
}

// sourceCheckCommand checks the source.
type sourceCheckCommand struct {
	Data string `help:"Folder of the service's own data, for the default source." default:"./data" env:"CDDS_DATA" type:"path"`
	sourceFlags
	outputFlags
}

// finding is a finding in the JSON output.
type finding struct {
	OK     bool   `json:"ok"`
	Entity string `json:"entity"`
	What   string `json:"what"`
	Detail string `json:"detail"`
}

// Run prints every finding; one that is not ok makes the command fail.
func (c *sourceCheckCommand) Run(ctx context.Context, std streams) error {
	src, err := openSource(ctx, c.source(c.Data), c.Mapping, c.SourceConnections)
	if err != nil {
		return err
	}
	found, err := src.Check(ctx)
	if err := closing(src, err); err != nil {
		return err
	}
	if err := c.print(std, found); err != nil {
		return err
	}
	broken := 0
	for _, f := range found {
		if !f.OK {
			broken++
		}
	}
	if broken > 0 {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("The source does not fit its mapping: %d finding(s).", broken),
			Hint: "Mend the tables, the rights or the mapping file as the lines above say."}
	}
	return nil
}

func (c *sourceCheckCommand) print(std streams, found []source.Finding) error {
	if c.Output == "json" {
		out := make([]finding, 0, len(found))
		for _, f := range found {
			out = append(out, finding{OK: f.OK, Entity: string(f.Entity), What: f.What, Detail: f.Detail})
		}
		return json.NewEncoder(std.Out).Encode(out)
	}
	for _, f := range found {
		mark := "ok     "
		if !f.OK {
			mark = "BROKEN "
		}
		if _, err := fmt.Fprintf(std.Out, "%s %-12s %s: %s\n", mark, f.Entity, f.What, f.Detail); err != nil {
			return err
		}
	}
	return nil
}
