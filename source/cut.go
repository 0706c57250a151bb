package source

import (
	"fmt"

	"cdds"
)

// HitsOfStretch is how many records, or those of a sample, a stretch must hold at
// least: by fewer its share would be a guess.
const HitsOfStretch = 16

// Sampled returns the statement that gives the keys (instant, id and attachment's
// id, each null where a key has none) of those records of a range that are in a
// sample, in their order. The sample is of the rows of a table, i (interactions),
// c (contacts) or a (attributes of contacts), that a condition of the driver
// holds for. Attachments are sampled by their interactions.
func (m Mapping) Sampled(q Query, r Range, d Dialect, table, rows string) Statement {
	s := &statement{m: m, d: d}
	if q.Entity == Contact {
		id := s.contact("contactId", "id")
		if table == "a" {
			const attribute = "contact_attribute"
			rows = fmt.Sprintf("%s in (select %s from %s a where %s)", id, m.column("a", attribute, "contactId", "contactid"), m.QuotedTable(attribute), rows)
		}
		text := fmt.Sprintf("select null, %s, null from %s c where %s and %s%s order by %s", d.Column(id), m.QuotedTable("contact"), rows,
			s.contactFilter(q), s.contactsBetween(id, r), id)
		return Statement{SQL: text, Args: s.args}
	}
	start, id := s.interaction("startDate", "startdate"), s.interaction("ixnId", "id")
	text := fmt.Sprintf("select %s, %s, %s from %s i where %s and %s%s order by %s, %s", d.Column(start), d.Column(id), s.sub(q.Entity),
		m.QuotedTable("interaction"), rows, s.interactionFilter(q), s.between(start, id, r), start, id)
	return Statement{SQL: text, Args: s.args}
}

// LastBefore returns the statement that gives, in their order, the keys of the
// last interactions of a range that begin before each of some instants. They may
// be any tenant's: where a query is cut need not be a record of it.
func (m Mapping) LastBefore(e Entity, r Range, d Dialect, instants []int64) Statement {
	s := &statement{m: m, d: d}
	start, id := s.interaction("startDate", "startdate"), s.interaction("ixnId", "id")
	text := ""
	for i, at := range instants {
		if i > 0 {
			text += " union "
		}
		text += fmt.Sprintf("(select %s as key_at, %s as key_id from %s i where %s < %s%s order by %s desc, %s desc limit 1)", start, id,
			m.QuotedTable("interaction"), start, s.instant(at), s.between(start, id, r), start, id)
	}
	text = fmt.Sprintf("select k.key_at, k.key_id, %s from (%s) k order by 1, 2", s.sub(e), text)
	return Statement{SQL: text, Args: s.args}
}

// NearModified returns the statement that gives, as Sampled does, the records of
// a range that come next to each of some instants by their modified date, and,
// where they were never modified, by their start date. It reads n rows for each.
func (m Mapping) NearModified(q Query, r Range, d Dialect, instants []int64, n int) Statement {
	s := &statement{m: m, d: d}
	start, id, modified := s.interaction("startDate", "startdate"), s.interaction("ixnId", "id"), s.interaction("modifiedDate", "modifieddate")
	text := ""
	for i, at := range instants {
		if i > 0 {
			text += " union "
		}
		next := func(date string) string {
			return fmt.Sprintf("(select %s as near from %s i where %s >= %s order by %s, %s limit %d)", id, m.QuotedTable("interaction"), date, s.instant(at), date, id, n)
		}
		text += next(modified) + " union " + next(start)
	}
	text = fmt.Sprintf("select %s, %s, %s from (%s) n join %s i on %s = n.near where %s%s order by %s, %s", d.Column(start), d.Column(id), s.sub(q.Entity),
		text, m.QuotedTable("interaction"), id, s.interactionFilter(q), s.between(start, id, r), start, id)
	return Statement{SQL: text, Args: s.args}
}

// sub is the last part of the key of a cut: where attachments are cut, an id of
// one that comes behind all of the same interaction.
func (s *statement) sub(e Entity) string {
	if e != Attachment {
		return "null"
	}
	own := s.m.column("a", "attachment", "id", "id")
	return fmt.Sprintf("(select %s from %s a order by %s desc limit 1)", s.d.Column(own), s.m.QuotedTable("attachment"), own)
}

// Evenly returns the keys among those of a sample, in their order, that cut a
// range into at most so many stretches that hold equally many of them.
func (q Query) Evenly(sample []Key, r Range, most int) []Key {
	most = min(most, len(sample)/HitsOfStretch)
	var ends []Key
	for i := 1; i < most; i++ {
		ends = append(ends, sample[i*len(sample)/most])
	}
	return q.Within(ends, r)
}

// Within leaves out keys that cut nothing off: those that come twice, and that
// of the record with which the range ends, and keys that have no id. The others
// must be in their order, in the range. Drivers call it with all that they return
// from Cut.
func (q Query) Within(keys []Key, r Range) []Key {
	var out []Key
	for _, k := range keys {
		twice := len(out) > 0 && out[len(out)-1] == k
		end := r.Upto != nil && r.Upto.At == k.At && r.Upto.ID == k.ID
		whole := k.ID != "" && (k.Sub != "" || q.Entity != Attachment)
		if whole && !twice && !end {
			out = append(out, k)
		}
	}
	return out
}

// Bounds returns the half-open stretch of start dates, in microseconds, in which
// the records of a range lie, where the window is one of start dates.
func (q Query) Bounds(r Range) (from, to int64) {
	from, to = earliest, micros(q.Window.End)
	if !q.Window.Start.IsZero() {
		from = micros(q.Window.Start)
	}
	if r.After != nil {
		from = max(from, r.After.At)
	}
	if r.Upto != nil && r.Upto.At < to {
		to = r.Upto.At + 1
	}
	return from, to
}

// earliest is the first instant of the year 1, before which no cut is looked for.
const earliest = -62135596800 * 1_000_000

// ByStart reports whether the window is one of the dates by which the records are
// ordered.
func (q Query) ByStart() bool { return q.Entity != Contact && q.By != cdds.ByModifiedDate }
