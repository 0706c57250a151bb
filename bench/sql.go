package main

import (
	"fmt"
	"strings"

	"cdds/source"
)

// joined are the tables that the records come from.
const joined = `from interaction i
	left join interaction_email e on e.interactionid = i.id
	left join interaction_chat h on h.interactionid = i.id
	left join interaction_phonecall p on p.interactionid = i.id
	left join interaction_callback b on b.interactionid = i.id
	where i.tenantid = 101 and i.startdate < '2999-01-01Z'`

// aliases of the tables in joined.
func aliases() map[string]string {
	return map[string]string{"interaction": "i", "interaction_email": "e", "interaction_chat": "h", "interaction_phonecall": "p", "interaction_callback": "b"}
}

// columnsQuery reads the fields that the engine reads, each as a column.
func columnsQuery() string {
	var columns []string
	for i, f := range source.Fields(source.Interaction) {
		columns = append(columns, fmt.Sprintf("%s.%s as c%d", aliases()[f.Table], f.Column, i))
	}
	return "select " + strings.Join(columns, ", ") + " " + joined
}

// jsonQuery makes the records by the database, under the engine's keys, so that
// the sizes can be compared. The rows of the kinds' tables are taken as they
// are, which is how one would write it.
func jsonQuery() string {
	var columns []string
	for _, f := range source.Fields(source.Interaction) {
		alias := aliases()[f.Table]
		switch {
		case f.Kind == source.Group:
			columns = append(columns, fmt.Sprintf(`row_to_json(%s) as "%s"`, alias, f.Name))
		case f.Group == "":
			columns = append(columns, fmt.Sprintf(`%s.%s as "%s"`, alias, f.Column, f.Name))
		}
	}
	return "select row_to_json(r) from (select " + strings.Join(columns, ", ") + " " + joined + ") r"
}

// copyOf is a copy command of psql, which must stand on one line.
func copyOf(query, to, format string) string {
	return `\copy (` + strings.Join(strings.Fields(query), " ") + `) to ` + to + ` with (` + format + `)`
}

// jsonFormat is the form in which psql passes JSON through as it is: what looks
// like CSV with a quote and a delimiter that no JSON text holds. The plain text
// form would double each backslash, and so break every line that has one.
const jsonFormat = `format csv, quote e'\x01', delimiter e'\x02'`
