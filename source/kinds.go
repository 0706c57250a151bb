package source

import (
	"fmt"
	"strconv"
	"strings"
)

// Kinds says which interactions can have a row in a kind's table: by table, the
// types of interactions (entityTypeId) that have some. A table that is not named
// may have one for any. Looking for rows that are not there is a third of what
// a read costs the server, so a query that knows better does not.
type Kinds map[string][]int64

// maxKinds is the most types of a table that are worth a condition.
const maxKinds = 16

// wholeShare is which part of all interactions a query must read, as one of so
// many, before learning kinds pays: it reads the tables of the kinds once.
const wholeShare = 2

// missShare is which part of all interactions must be without a row of a kind, as
// one of so many, before learning about that kind pays.
const missShare = 4

// LearnKinds finds out which types of interactions have rows of kinds, where
// that pays: records is how many a query reads, and rows says about how many a
// table has. Drivers call it in Kinds.
func (m Mapping) LearnKinds(records int64, rows func(table string) (int64, error), d Dialect, by Statements) (Kinds, error) {
	all, err := rows("interaction")
	if _, ok := m.ColumnName("interaction", "entityTypeId", "entitytypeid"); !ok || err != nil || records < all/wholeShare {
		return nil, err
	}
	kinds := Kinds{}
	for _, e := range mappedEntities() {
		if e.group == "" {
			continue
		}
		n, err := rows(e.table)
		if err != nil {
			return nil, err
		}
		if all-n < all/missShare {
			continue
		}
		types, err := by.Sizes(m.kinds(e.table, d))
		if err != nil {
			return nil, err
		}
		if len(types) <= maxKinds {
			kinds[e.table] = types
		}
	}
	return kinds, nil
}

// kinds returns the statement that lists the types of the interactions that a
// kind's table has rows of. Null is left out, since it never keeps a row from
// being looked for.
func (m Mapping) kinds(table string, d Dialect) Statement {
	s := &statement{m: m, d: d}
	kind := d.Typed(s.interaction("entityTypeId", "entitytypeid"), Int)
	return Statement{SQL: fmt.Sprintf("select distinct %s from %s %s join %s i on %s = %s where %s is not null limit %d", kind,
		m.QuotedTable(table), alias(table), m.QuotedTable("interaction"), s.interaction("ixnId", "id"), s.interactionOf(table), kind, maxKinds+1)}
}

// interactionOf is the column by which a kind's table names its interaction.
func (s *statement) interactionOf(table string) string {
	return s.m.column(alias(table), table, "ixnId", "interactionid")
}

// joinKind is the join of an interaction with its row of a kind, if it has one.
// For an interaction that cannot have one the key is null, for which no
// database looks into the index.
func (s *statement) joinKind(table, id string, kinds Kinds) string {
	key := id
	if types, known := kinds[table]; known {
		kind := s.interaction("entityTypeId", "entitytypeid")
		condition := kind + " is null"
		if len(types) > 0 {
			texts := make([]string, len(types))
			for i, t := range types {
				texts[i] = strconv.FormatInt(t, 10)
			}
			condition += " or " + kind + " in (" + strings.Join(texts, ", ") + ")"
		}
		key = "case when " + condition + " then " + id + " end"
	}
	return fmt.Sprintf(" left join %s %s on %s = %s", s.m.QuotedTable(table), alias(table), s.interactionOf(table), key)
}
