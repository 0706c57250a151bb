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
	conn, err := s.acquire(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	c := &check{ctx: ctx, conn: conn.Conn(), mapping: s.mapping, types: types{known: conn.Conn().TypeMap()}, tables: map[string]*table{}}
	for _, step := range []func() error{c.version, c.allTables, c.indexes} {
		if err := step(); err != nil {
			return nil, failure(ctx, err)
		}
	}
	return c.found, nil
}

// check is one comparison.
type check struct {
	ctx     context.Context
	conn    *pgx.Conn
	mapping source.Mapping
	types   types
	tables  map[string]*table // by reference name; only those that can be looked at
	found   []source.Finding
}

// table is a table or view of the source.
type table struct {
	oid     uint32
	indexed bool              // whether it can have indexes
	columns map[string]uint32 // type OIDs by name
}

func (c *check) add(f source.Finding) { c.found = append(c.found, f) }

func (c *check) version() error {
	var number int
	var text string
	row := c.conn.QueryRow(c.ctx, "select current_setting('server_version_num')::int, current_setting('server_version'), array("+ownTexts+")")
	if err := row.Scan(&number, &text, &c.types.texts); err != nil {
		return err
	}
	f := source.Finding{OK: number >= oldest, What: "server version", Detail: text}
	if !f.OK {
		f.Detail += " is older than 14, the oldest that is supported; move the database to a newer server"
	}
	c.add(f)
	return c.standby()
}

// standby says which kind of server is read, since a standby spares the one
// that people work with.
func (c *check) standby() error {
	f := source.Finding{OK: true, What: "server", Detail: "is a standby"}
	var is bool
	if err := c.conn.QueryRow(c.ctx, "select pg_is_in_recovery()").Scan(&is); err != nil {
		return err
	}
	if !is {
		f.Detail = "is a primary; where there is a standby, name both hosts in the DSN, and the standby is read"
	}
	c.add(f)
	return nil
}

// allTables looks at each table that reading needs, with its columns.
func (c *check) allTables() error {
	columns := map[string][]source.Column{}
	var order []string
	for _, column := range c.mapping.CheckedColumns() {
		if columns[column.Table] == nil {
			order = append(order, column.Table)
		}
		columns[column.Table] = append(columns[column.Table], column)
	}
	for _, name := range order {
		t, err := c.table(name, columns[name][0].Entity)
		if err != nil {
			return err
		}
		if t != nil {
			c.tables[name] = t
			c.columns(t, columns[name])
		}
	}
	return nil
}

// findTable finds a table, or a view, by its schema, which may be empty, and
// its name.
const findTable = `select c.oid, c.relkind in ('r', 'p', 'm'), has_schema_privilege(n.oid, 'usage'), has_table_privilege(c.oid, 'select'),
		has_table_privilege(c.oid, 'insert, update, delete, truncate')
	from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('r', 'p', 'm', 'v', 'f') and c.relname = $2 and
		case when $1 = '' then pg_catalog.pg_table_is_visible(c.oid) else n.nspname = $1 end`

// table looks at a table and the role's rights on it; it returns nil where
// there is no more to say.
func (c *check) table(reference string, entity source.Entity) (*table, error) {
	name := c.mapping.TableName(reference)
	parts := strings.Split(name, ".")
	schema := strings.Join(parts[:len(parts)-1], ".")
	quoted := pgx.Identifier(parts).Sanitize()
	f := source.Finding{Entity: entity, What: "table " + name}
	t := &table{columns: map[string]uint32{}}
	var canUse, canRead, canWrite bool
	err := c.conn.QueryRow(c.ctx, findTable, schema, parts[len(parts)-1]).Scan(&t.oid, &t.indexed, &canUse, &canRead, &canWrite)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		f.Detail = "is missing; create it, or name the right table or view in the mapping file"
	case err != nil:
		return nil, err
	case !canUse:
		f.Detail = "lies in a schema that this role may not use; GRANT USAGE ON SCHEMA " + pgx.Identifier{schema}.Sanitize()
	case !canRead:
		f.Detail = "cannot be read by this role; GRANT SELECT ON " + quoted
	case canWrite:
		f.OK, f.Warning, f.Detail = true, true, "can be written by this role; a role that can only SELECT is safer"
	default:
		f.OK, f.Detail = true, "is there and read-only"
	}
	c.add(f)
	if missing := errors.Is(err, pgx.ErrNoRows); missing || !canUse {
		return nil, nil
	}
	// The types are those that a read would meet: of a domain, its base.
	described, err := c.conn.PgConn().Prepare(c.ctx, "", "select * from "+quoted, nil)
	if err != nil {
		return nil, err
	}
	for _, field := range described.Fields {
		t.columns[field.Name] = field.DataTypeOID
	}
	return t, nil
}

// columns reports each column of a table that is missing or of a type that does
// not fit.
func (c *check) columns(t *table, columns []source.Column) {
	good := 0
	for _, column := range columns {
		f := source.Finding{Entity: column.Entity, What: "column " + c.mapping.Place(column)}
		oid, there := t.columns[column.Name]
		switch {
		case !there:
			f.Detail = "is missing; name the right column in the mapping file, or null where the source has none"
		case c.types.decoder(column.Kind, oid) == nil:
			f.Detail = "has the type " + c.types.name(oid) + ", which does not fit; give a view that casts it"
		default:
			good++
			continue
		}
		c.add(f)
	}
	if good > 0 {
		c.add(source.Finding{OK: true, Entity: columns[0].Entity, What: "columns of " + c.mapping.TableName(columns[0].Table), Detail: fmt.Sprintf("%d fit", good)})
	}
}

// wantedIndex is an index that reading would be slow without.
type wantedIndex struct {
	entity  source.Entity
	table   string
	keys    [][2]string // exported key and reference column
	because string
}

func wantedIndexes() []wantedIndex {
	list := []wantedIndex{
		{source.Interaction, "interaction", [][2]string{{"startDate", "startdate"}, {"ixnId", "id"}}, "interactions are read in this order"},
		{source.Interaction, "interaction", [][2]string{{"modifiedDate", "modifieddate"}}, "jobs by modified date look for it"},
		{source.Attachment, "attachment", [][2]string{{"entityId", "entityid"}}, "attachments are looked up by their interaction"},
		{source.Contact, "contact", [][2]string{{"contactId", "id"}}, "contacts are read in this order"},
		{source.Contact, "contact_attribute", [][2]string{{"contactId", "contactid"}}, "attributes are looked up by their contact"},
	}
	for _, table := range []string{"interaction_email", "interaction_chat", "interaction_phonecall", "interaction_callback"} {
		list = append(list, wantedIndex{source.Interaction, table, [][2]string{{"ixnId", "interactionid"}}, "its rows are looked up by their interaction"})
	}
	return list
}

// indexes looks for an index that begins with the columns of each reading
// order and join. A view has none of its own, so nothing is said of it.
func (c *check) indexes() error {
	for _, want := range wantedIndexes() {
		t := c.tables[want.table]
		if t == nil || !t.indexed {
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
		f := source.Finding{OK: true, Warning: !found, Entity: want.entity, Detail: "is there",
			What: fmt.Sprintf("index on %s (%s)", c.mapping.TableName(want.table), strings.Join(names, ", "))}
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
