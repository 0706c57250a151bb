package main

import (
	"context"
	"fmt"
	"log/slog"

	"cdds"
	"cdds/source"
)

// sourceChecks compares the mapping of each source with its live database, and
// looks whether each tenant's source is among them. Only what is wrong gets a
// line of its own.
func (c *doctorCommand) sourceChecks(ctx context.Context, tenants []cdds.Tenant) []diagnosis {
	sources, err := c.registry(c.limitFlags, c.Data, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return []diagnosis{diagnose("source", "", err)}
	}
	var found []diagnosis
	for _, name := range sources.Names() {
		found = append(found, diagnoseSource(ctx, sources, name)...)
	}
	for _, t := range tenants {
		if !sources.Has(t.Source) {
			found = append(found, diagnosis{Check: "source of tenant " + t.Name, Detail: "the settings have no source named " + t.Source + ": its runs fail",
				Remedy: "Add it under sources in the settings and start the service again, or give the tenant another one with cdds tenant edit."})
		}
	}
	return append(found, unlessGood("source", sources.Close())...)
}

// diagnoseSource checks one source.
func diagnoseSource(ctx context.Context, sources *source.Registry, name string) (found []diagnosis) {
	check := "source"
	if name != "" {
		check += " " + name
	}
	findings, err := checkSource(ctx, sources, name)
	for _, f := range findings {
		if !f.OK || f.warning {
			found = append(found, diagnosis{Check: check + ": " + f.What, OK: f.OK, Warning: f.warning, Detail: f.Detail,
				Remedy: "docs/source-protection.md has the SQL of a role that can only read; cdds source check shows all that was looked at."})
		}
	}
	if err != nil {
		return append(found, diagnose(check, "", err))
	}
	found = append(found, sourceTime(ctx, sources, name, "clock of the "+check))
	return append(found, diagnosis{Check: check, OK: true, Detail: fmt.Sprintf("answers; %d checks made", len(findings))})
}
