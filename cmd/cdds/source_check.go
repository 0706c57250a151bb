package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

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
	limitFlags
	outputFlags
	Only string `help:"Check only the source of this name; default is the deployment's own." placeholder:"NAME"`
}

// finding is a finding in the JSON output.
type finding struct {
	Source string `json:"source"`
	OK     bool   `json:"ok"`
	Entity string `json:"entity"`
	What   string `json:"what"`
	Detail string `json:"detail"`

	warning bool
}

// Run checks all sources and prints every finding. One that is not ok, or a
// source that cannot be asked, makes the command fail; the others are checked
// all the same.
func (c *sourceCheckCommand) Run(ctx context.Context, std streams) (err error) {
	sources, err := c.registry(c.limitFlags, c.Data, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = closing(sources, err) }()
	names, err := c.names(sources)
	if err != nil {
		return err
	}
	var found []finding
	var failed []error
	for _, name := range names {
		one, err := checkSource(ctx, sources, name)
		found = append(found, one...)
		failed = append(failed, err)
	}
	if err := c.print(std, found, len(names) > 1); err != nil {
		return err
	}
	if err := errors.Join(failed...); err != nil {
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

// names lists the sources to check.
func (c *sourceCheckCommand) names(sources *source.Registry) ([]string, error) {
	if c.Only == "" {
		return sources.Names(), nil
	}
	name := c.Only
	if name == cdds.DefaultSource {
		name = ""
	}
	if !sources.Has(name) {
		return nil, &cdds.Error{Code: cdds.CodeNotFound, Message: "The settings have no source of that name.", Hint: "Look under sources in the settings file."}
	}
	return []string{name}, nil
}

// checkSource compares a source's mapping with its live database.
func checkSource(ctx context.Context, sources *source.Registry, name string) ([]finding, error) {
	shown := cdds.Tenant{Source: name}.SourceName()
	src, err := sources.Named(ctx, name)
	if err != nil {
		return nil, err
	}
	findings, err := src.Check(ctx)
	if name != "" {
		err = ofSource(name, err)
	}
	out := make([]finding, 0, len(findings))
	for _, f := range findings {
		out = append(out, finding{Source: shown, OK: f.OK, Entity: string(f.Entity), What: f.What, Detail: f.Detail, warning: f.Warning})
	}
	return out, err
}

// print writes a line for each finding, with its source where there are several.
func (c *sourceCheckCommand) print(std streams, found []finding, several bool) error {
	if c.Output == "json" {
		if found == nil {
			found = []finding{}
		}
		return json.NewEncoder(std.Out).Encode(found)
	}
	for _, f := range found {
		mark := "ok     "
		if !f.OK {
			mark = "BROKEN "
		}
		if several {
			mark += f.Source + ": "
		}
		if _, err := fmt.Fprintf(std.Out, "%s %-12s %s: %s\n", mark, f.Entity, f.What, f.Detail); err != nil {
			return err
		}
	}
	return nil
}
