package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"cdds/source"
)

// oldest is the oldest PostgreSQL that is supported, as server_version_num.
const oldest = 140000

// Check compares the mapping with the live database: the server's version, the
// tables and the role's rights on them, the columns and their types, and the
// indexes that the reading order needs. It reports all that it finds.
func (s *Source) Check(ctx context.Context) ([]source.Finding, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	defer conn.Release()
	c := &check{ctx: ctx, conn: conn.Conn(), mapping: s.mapping, tables: map[string]*table{}}
	for _, step := range []func() error{c.version, c.allTables, c.columns, c.indexes} {
		if err := step(); err != nil {
			return nil, s.failure(ctx, err)
		}
	}
	return c.found, nil
}

// check is one comparison.
type check struct {
	ctx     context.Context
	conn    *pgx.Conn
	mapping source.Mapping
	tables  map[string]*table // by reference name; nil: not there
	found   []source.Finding
}

// table is a table or view of the source.
type table struct {
	oid     uint32
	name    string
	isView  bool
	columns map[string]uint32 // type OIDs by name
}

func (c *check) add(f source.Finding) { c.found = append(c.found, f) }

func (c *check) version() error {
	var number int
	var text string
	if err := c.conn.QueryRow(c.ctx, "select current_setting('server_version_num')::int, current_setting('server_version')").Scan(&number, &text); err != nil {
		return err
	}
	f := source.Finding{OK: number >= oldest, What: "server version", Detail: text}
	if !f.OK {
		f.Detail += " is older than 14, the oldest that is supported"
	}
	c.add(f)
	return nil
}

// allTables looks up each mapped table once.
func (c *check) allTables() error {
	for _, column := range c.mapping.MappedColumns() {
		if _, seen := c.tables[column.Table]; seen {
			continue
		}
		t, err := c.table(column)
		if err != nil {
			return err
		}
		c.tables[column.Table] = t
	}
	return nil
}

// table finds a table and looks at the role's rights on it.
func (c *check) table(column source.MappedColumn) (*table, error) {
	t := &table{name: c.mapping.TableName(column.Table), columns: map[string]uint32{}}
	parts := strings.Split(t.name, ".")
	quoted := pgx.Identifier(parts).Sanitize()
	what := "table " + t.name
	var kind string
	var canRead, canWrite bool
	err := c.conn.QueryRow(c.ctx, `select oid, relkind::text, has_table_privilege(oid, 'select'),
		has_table_privilege(oid, 'insert') or has_table_privilege(oid, 'update') or has_table_privilege(oid, 'delete')
		from pg_class where oid = to_regclass($1)`, quoted).Scan(&t.oid, &kind, &canRead, &canWrite)
	if errors.Is(err, pgx.ErrNoRows) {
		c.add(source.Finding{Entity: column.Entity, What: what, Detail: "is missing; create it, or name the right table or view in the mapping file"})
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.isView = kind == "v" || kind == "f"
	switch {
	case !canRead:
		c.add(source.Finding{Entity: column.Entity, What: what, Detail: "cannot be read by this role; GRANT SELECT ON " + quoted})
	case canWrite:
		c.add(source.Finding{OK: true, Warning: true, Entity: column.Entity, What: what, Detail: "can be written by this role; a role that can only SELECT is safer"})
	default:
		c.add(source.Finding{OK: true, Entity: column.Entity, What: what, Detail: "is there and read-only"})
	}
	rows, err := c.conn.Query(c.ctx, "select attname, case when t.typbasetype <> 0 then t.typbasetype else t.oid end from pg_attribute a join pg_type t on t.oid = a.atttypid where attrelid = $1 and attnum > 0 and not attisdropped", t.oid)
	if err != nil {
		return nil, err
	}
	var name string
	var oid uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &oid}, func() error {
		t.columns[name] = oid
		return nil
	})
	return t, err
}

// columns reports each column that is missing or of a type that does not fit.
func (c *check) columns() error {
	good := map[string]int{}
	for _, column := range c.mapping.MappedColumns() {
		t := c.tables[column.Table]
		if t == nil {
			continue
		}
		what := fmt.Sprintf("column %s.%s", t.name, column.Name)
		oid, there := t.columns[column.Name]
		switch {
		case !there:
			c.add(source.Finding{Entity: column.Entity, What: what, Detail: "is missing; name the right column in the mapping file, or null where the source has none"})
		case !fits(column.Kind, oid):
			c.add(source.Finding{Entity: column.Entity, What: what, Detail: "has a type that does not fit; give a view that casts it"})
		default:
			good[t.name]++
		}
	}
	for name, n := range good {
		c.add(source.Finding{OK: true, What: "columns of " + name, Detail: fmt.Sprintf("%d fit", n)})
	}
	return nil
}

// indexes looks for an index that begins with the columns of each reading
// order and join. A view has none of its own, so nothing is said of it.
func (c *check) indexes() error {
	for _, want := range []struct {
		entity  source.Entity
		table   string
		keys    [][2]string // exported key and reference column
		because string
	}{
		{source.Interaction, "interaction", [][2]string{{"startDate", "startdate"}, {"ixnId", "id"}}, "interactions are read in this order"},
		{source.Attachment, "attachment", [][2]string{{"entityId", "entityid"}}, "attachments are looked up by their interaction"},
		{source.Contact, "contact", [][2]string{{"contactId", "id"}}, "contacts are read in this order"},
		{source.Contact, "contact_attribute", [][2]string{{"contactId", "contactid"}}, "attributes are looked up by their contact"},
	} {
		t := c.tables[want.table]
		if t == nil || t.isView {
			continue
		}
		var names []string
		for _, key := range want.keys {
			name, _ := c.mapping.ColumnName(want.table, key[0], key[1])
			names = append(names, name)
		}
		found, err := c.hasIndex(t.oid, names)
		if err != nil {
			return err
		}
		f := source.Finding{OK: true, Warning: !found, Entity: want.entity, What: fmt.Sprintf("index on %s (%s)", t.name, strings.Join(names, ", ")), Detail: "is there"}
		if !found {
			f.Detail = "is missing; exports will be slow and burden the database, since " + want.because
		}
		c.add(f)
	}
	return nil
}

// hasIndex reports whether a valid index begins with the columns.
func (c *check) hasIndex(oid uint32, names []string) (bool, error) {
	var found bool
	err := c.conn.QueryRow(c.ctx, `select exists (
		select from pg_index x where x.indrelid = $1 and x.indisvalid and x.indpred is null and (
			select array_agg(a.attname::text order by k.n) from unnest(x.indkey::int2[]) with ordinality k(attnum, n)
			join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum where k.n <= $3
		) = $2::text[])`, oid, names, len(names)).Scan(&found)
	return found, err
}
