package source

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cdds"
)

// Dialect is what differs between the databases in the text of a read.
type Dialect interface {
	// Column returns the expression that reads a column of the result.
	Column(expr string) string
	// Typed gives a placeholder the type of a kind, so that it is compared as
	// such whatever type the column has.
	Typed(placeholder string, kind Kind) string
	// Instant returns the argument for an instant in microseconds.
	Instant(micros int64) any
	// In returns a condition that expr is one of the values, with the values
	// as the argument of the given placeholder.
	In(expr, placeholder string, values []string) (condition string, arg any)
	// Pieces returns a read of the column of the one row of a from clause, in
	// pieces of n bytes: their places, from 1 and in order, and their bytes.
	Pieces(column, row string, n int64) string
	// PiecesOfOne is the most pieces that one content should come in, 0 where
	// they may be many.
	PiecesOfOne() int64
}

// Statement is a read with its arguments, in the form $1, $2, ...
type Statement struct {
	SQL  string
	Args []any
}

// statement collects arguments while the text is built.
type statement struct {
	m    Mapping
	d    Dialect
	args []any
	// withoutContent reads null for the content of attachments.
	withoutContent bool
}

func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *statement) instant(micros int64) string {
	return s.d.Typed(s.arg(s.d.Instant(micros)), Instant)
}

// interaction is a column that decides which interactions are read, under their
// alias; contact the same for contacts.
func (s *statement) interaction(key, column string) string {
	return s.m.column("i", "interaction", key, column)
}

func (s *statement) contact(key, column string) string {
	return s.m.column("c", "contact", key, column)
}

// Read returns the statement for one range of a query. Its columns are those
// of Columns: a contact has a row for each attribute, or one row with nulls.
//
// The range is cut in an inner select over the key, so that the join with the
// other tables is done for its rows only and no long value is sorted.
func (m Mapping) Read(q Query, r Range, d Dialect) Statement {
	s := &statement{m: m, d: d}
	var text string
	switch q.Entity {
	case Interaction:
		text = s.readInteractions(q, r)
	case Attachment:
		text = s.readAttachments(q, r)
	case Contact:
		text = s.readContacts(q, r)
	}
	return Statement{SQL: text, Args: s.args}
}

// Rows returns the statement that gives a row for each record of a query and
// nothing else, for counting and for a planner's estimate.
func (m Mapping) Rows(q Query, d Dialect) Statement {
	s := &statement{m: m, d: d}
	var from string
	switch q.Entity {
	case Interaction:
		from = m.QuotedTable("interaction") + " i where " + s.interactionFilter(q)
	case Attachment:
		from = fmt.Sprintf("%s a join %s i on %s = %s where %s", m.QuotedTable("attachment"), m.QuotedTable("interaction"),
			s.interaction("ixnId", "id"), m.column("a", "attachment", "entityId", "entityid"), s.interactionFilter(q))
	case Contact:
		from = m.QuotedTable("contact") + " c where " + s.contactFilter(q)
	}
	return Statement{SQL: "select 1 from " + from, Args: s.args}
}

// MediaTypes returns the statement that lists a tenant's media types as texts,
// in no order.
func (m Mapping) MediaTypes(tenantID int64, d Dialect) Statement {
	s := &statement{m: m, d: d}
	column := s.interaction("mediaTypeId", "mediatypeid")
	text := fmt.Sprintf("select cast(%s as text) from %s i where %s = %s and %s is not null group by 1", column, m.QuotedTable("interaction"),
		s.interaction("tenantId", "tenantid"), s.tenant(tenantID), column)
	return Statement{SQL: text, Args: s.args}
}

func (s *statement) tenant(id int64) string { return s.d.Typed(s.arg(id), Int) }

func (s *statement) readInteractions(q Query, r Range) string {
	start, id := s.interaction("startDate", "startdate"), s.interaction("ixnId", "id")
	where := s.interactionFilter(q) + s.between(start, id, r)
	inner := fmt.Sprintf("select * from %s i where %s order by %s, %s%s", s.m.QuotedTable("interaction"), where, start, id, limit(r))
	text := fmt.Sprintf("select %s from (%s) i", strings.Join(s.fields(Interaction), ", "), inner)
	for _, e := range mappedEntities() {
		if e.group != "" {
			text += s.joinKind(e.table, id, q.Kinds)
		}
	}
	return text + fmt.Sprintf(" order by %s, %s", start, id)
}

// readAttachments finds the attachments by the inner select. The outer join must
// not lose what it has found: a document without an id comes as a row of nulls,
// and is refused then.
func (s *statement) readAttachments(q Query, r Range) string {
	join, inner := s.attachmentKeys(q, r, "")
	return fmt.Sprintf("select %s, %s from (%s) k left join %s a on %s order by k.key_at, k.key_id, k.key_sub",
		strings.Join(s.fields(Attachment), ", "), s.d.Column("k.key_at"), inner, s.m.QuotedTable("attachment"), join)
}

// attachmentKeys is the select that finds the attachments of a range by their
// keys, with more columns of theirs, and the condition that joins it with them.
func (s *statement) attachmentKeys(q Query, r Range, more string) (join, inner string) {
	start, id := s.interaction("startDate", "startdate"), s.interaction("ixnId", "id")
	own, entity := s.m.column("a", "attachment", "id", "id"), s.m.column("a", "attachment", "entityId", "entityid")
	where := s.interactionFilter(q) + s.dates(start, r)
	// The first condition of each says nothing new, but lies in one table, whose
	// index it can use.
	if r.After != nil {
		at, after := s.instant(r.After.At), s.arg(r.After.ID)
		where += fmt.Sprintf(" and (%s, %s) >= (%s, %s) and (%s, %s, %s) > (%s, %s, %s)", start, id, at, after,
			start, id, own, at, after, s.arg(r.After.Sub))
	}
	if r.Upto != nil {
		at, upto := s.instant(r.Upto.At), s.arg(r.Upto.ID)
		where += fmt.Sprintf(" and (%s, %s) <= (%s, %s) and (%s, %s, %s) <= (%s, %s, %s)", start, id, at, upto,
			start, id, own, at, upto, s.arg(r.Upto.Sub))
	}
	inner = fmt.Sprintf("select %s as key_at, %s as key_id, %s as key_sub%s from %s a join %s i on %s = %s where %s order by 1, 2, 3%s",
		start, id, own, more, s.m.QuotedTable("attachment"), s.m.QuotedTable("interaction"), id, entity, where, limit(r))
	return fmt.Sprintf("%s = k.key_sub and %s = k.key_id", own, entity), inner
}

func (s *statement) readContacts(q Query, r Range) string {
	const attribute = "contact_attribute"
	id := s.contact("contactId", "id")
	where := s.contactFilter(q) + s.contactsBetween(id, r)
	inner := fmt.Sprintf("select * from %s c where %s order by %s%s", s.m.QuotedTable("contact"), where, id, limit(r))
	columns := s.fields(Contact)
	for _, c := range attributeFields() {
		columns = append(columns, s.d.Column(s.m.column("a", attribute, c.Name, c.Column)))
	}
	return fmt.Sprintf("select %s from (%s) c left join %s a on %s = %s order by %s", strings.Join(columns, ", "), inner,
		s.m.QuotedTable(attribute), s.m.column("a", attribute, "contactId", "contactid"), id, id)
}

// between is the condition that interactions lie in a range, by the index over
// their key.
func (s *statement) between(start, id string, r Range) string {
	where := s.dates(start, r)
	if r.After != nil {
		where += fmt.Sprintf(" and (%s, %s) > (%s, %s)", start, id, s.instant(r.After.At), s.arg(r.After.ID))
	}
	if r.Upto != nil {
		where += fmt.Sprintf(" and (%s, %s) <= (%s, %s)", start, id, s.instant(r.Upto.At), s.arg(r.Upto.ID))
	}
	return where
}

// dates says of a range with an end what its keys say of dates alone. That
// changes nothing but the planner's mind: it takes two conditions on rows for
// independent, and expects far too many records.
func (s *statement) dates(start string, r Range) string {
	if r.Upto == nil {
		return ""
	}
	where := fmt.Sprintf(" and %s <= %s", start, s.instant(r.Upto.At))
	if r.After != nil {
		where += fmt.Sprintf(" and %s >= %s", start, s.instant(r.After.At))
	}
	return where
}

// contactsBetween is the same for contacts.
func (s *statement) contactsBetween(id string, r Range) string {
	where := ""
	if r.After != nil {
		where += fmt.Sprintf(" and %s > %s", id, s.arg(r.After.ID))
	}
	if r.Upto != nil {
		where += fmt.Sprintf(" and %s <= %s", id, s.arg(r.Upto.ID))
	}
	return where
}

// interactionFilter is the condition on the tenant, the window and the media
// types of interactions. By modified date, an interaction that was never
// modified belongs to its start date; the condition is an OR of two, each of
// which has an index.
func (s *statement) interactionFilter(q Query) string {
	where := s.interaction("tenantId", "tenantid") + " = " + s.tenant(q.TenantID)
	start := s.interaction("startDate", "startdate")
	if q.By == cdds.ByModifiedDate {
		modified := s.interaction("modifiedDate", "modifieddate")
		where += fmt.Sprintf(" and ((%s) or (%s is null and %s))", s.window(modified, q.Window), modified, s.window(start, q.Window))
	} else {
		where += " and " + s.window(start, q.Window)
	}
	if q.MediaTypes != nil {
		condition, arg := s.d.In(s.interaction("mediaTypeId", "mediatypeid"), "$"+strconv.Itoa(len(s.args)+1), q.MediaTypes)
		s.args = append(s.args, arg)
		where += " and " + condition
	}
	return where
}

// contactFilter is the condition on the tenant and the window of contacts: by
// modified date, and by created date where a contact was never modified.
func (s *statement) contactFilter(q Query) string {
	date := fmt.Sprintf("coalesce(%s, %s)", s.contact("modifiedDate", "modifieddate"), s.contact("createdDate", "createddate"))
	return s.contact("tenantId", "tenantid") + " = " + s.tenant(q.TenantID) + " and " + s.window(date, q.Window)
}

// window is the condition that a date lies in the half-open window.
func (s *statement) window(date string, w cdds.Window) string {
	condition := date + " < " + s.instant(micros(w.End))
	if !w.Start.IsZero() {
		condition = date + " >= " + s.instant(micros(w.Start)) + " and " + condition
	}
	return condition
}

// micros rounds an instant up to microseconds, the precision of the databases:
// for a half-open interval that keeps exactly the instants inside.
func micros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

// fields are the expressions of an entity's fields.
func (s *statement) fields(e Entity) []string {
	fields := Fields(e)
	out := make([]string, len(fields))
	for i, f := range fields {
		key := f.Name
		if f.Kind == Group {
			key = "ixnId"
		}
		column := s.m.column(alias(f.Table), f.Table, key, f.Column)
		if s.withoutContent && f.Kind == Binary {
			column = "(case when 1 = 0 then " + column + " end)" // a null of its type
		}
		out[i] = s.d.Column(column)
	}
	return out
}

// alias is the alias of a table in the statements.
func alias(table string) string {
	switch table {
	case "interaction_email":
		return "e"
	case "interaction_chat":
		return "h"
	case "interaction_phonecall":
		return "p"
	case "interaction_callback":
		return "b"
	}
	return table[:1]
}

func limit(r Range) string {
	if r.Limit <= 0 {
		return ""
	}
	return " limit " + strconv.Itoa(r.Limit)
}
