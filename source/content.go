package source

import (
	"math"
	"slices"

	"cdds"
)

const (
	// MaxContent is the longest content of an attachment that a record holds; a
	// longer one comes in pieces.
	MaxContent = 1 << 20
	// pieceSize is the length of a piece: divisible by three, so that each gives
	// whole groups of base64.
	pieceSize = 3 << 18
	// sizesAtOnce bounds how many sizes are held in memory.
	sizesAtOnce = 10_000
)

// Content is the content of an attachment that is too long to be held.
type Content struct {
	Size int64 // bytes
	// Read gives all bytes to do, in pieces that are valid until do returns and
	// whose lengths, but for the last, are divisible by three. It may be called
	// once, until emit returns. An error of do ends it and is returned as it is.
	Read func(do func(piece []byte) error) error
}

// Statements is how a driver carries out statements in a snapshot, one at a time.
type Statements interface {
	// Records runs a read and gives its records to emit.
	Records(e Entity, st Statement, emit func(*Record) error) (int, error)
	// Sizes runs a statement that gives one number a row; null counts as 0.
	Sizes(st Statement) ([]int64, error)
	// Pieces runs a statement that gives rows of a place, from 1, and bytes.
	Pieces(st Statement, do func(at int64, piece []byte) error) error
}

// ReadRange reads a range with a driver's statements. Drivers call it in Read.
//
// The contents of attachments may be longer than there is memory. Their sizes
// are asked for first, which costs little; stretches of short ones are read by
// one statement each, and a long one by two: the record without its content,
// then the content in pieces.
func (m Mapping) ReadRange(q Query, r Range, d Dialect, by Statements, emit func(*Record) error) (int, error) {
	if q.Entity != Attachment {
		return by.Records(q.Entity, m.Read(q, r, d), emit)
	}
	a := &attachments{m: m, q: q, d: d, by: by, after: r.After, upto: r.Upto}
	a.emit = func(record *Record) error {
		key := record.Key
		err := emit(record)
		if err == nil {
			a.after = &key
			a.given++
		}
		return err
	}
	for {
		want := sizesAtOnce
		if r.Limit > 0 {
			want = min(want, r.Limit-a.given)
		}
		sizes, err := by.Sizes(m.sizes(q, a.next(want), d))
		if err == nil {
			err = a.read(sizes)
		}
		if err != nil || len(sizes) < want || a.given == r.Limit {
			return a.given, err
		}
	}
}

// attachments is a read of attachments.
type attachments struct {
	m     Mapping
	q     Query
	d     Dialect
	by    Statements
	emit  func(*Record) error
	after *Key // of the last one given
	upto  *Key // of the last one to give; nil: there is no bound
	given int
}

// next is the range of the next attachments.
func (a *attachments) next(limit int) Range { return Range{After: a.after, Upto: a.upto, Limit: limit} }

// read reads the next attachments, whose contents have these sizes.
func (a *attachments) read(sizes []int64) error {
	long := func(size int64) bool { return size > MaxContent }
	for len(sizes) > 0 {
		n := slices.IndexFunc(sizes, long)
		if n < 0 {
			n = len(sizes)
		}
		if n > 0 {
			got, err := a.by.Records(Attachment, a.m.Read(a.q, a.next(n), a.d), a.emit)
			if err == nil && got != n {
				err = changed()
			}
			if err != nil {
				return err
			}
		} else {
			n = 1
			if err := a.readLong(sizes[0]); err != nil {
				return err
			}
		}
		sizes = sizes[n:]
	}
	return nil
}

// readLong reads the next attachment, whose content is long.
func (a *attachments) readLong(size int64) error {
	var held Record
	got, err := a.by.Records(Attachment, a.m.readWithoutContent(a.q, a.next(1), a.d), func(record *Record) error {
		// Its bytes must outlive the statement.
		held = Record{Key: record.Key, Values: make([]Value, len(record.Values))}
		hold(held.Values, record.Values, nil)
		return nil
	})
	if err != nil {
		return err
	}
	if got != 1 {
		return changed()
	}
	held.Values[len(held.Values)-1].Null = false
	held.Content = &Content{Size: size, Read: func(do func([]byte) error) error {
		next := int64(1)
		err := a.by.Pieces(a.m.content(held.Key, size, a.d), func(at int64, piece []byte) error {
			if at != next || len(piece) == 0 {
				return changed()
			}
			next += int64(len(piece))
			return do(piece)
		})
		if err == nil && next != size+1 {
			err = changed()
		}
		return err
	}}
	return a.emit(&held)
}

// changed is the error for a snapshot that gives other records than it gave
// before, as a view can whose result does not depend on its tables alone.
func changed() error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The source gave other attachments than a moment before, within one snapshot.",
		Hint: "A view that the mapping file names must give the same rows each time, and each attachment once."}
}

// pieceOf is the length of the pieces of a content. A database that must load
// all of it for each piece is asked for few of them.
func pieceOf(size, most int64) int64 {
	if most <= 0 {
		return pieceSize
	}
	return max(pieceSize, (size/most+2)/3*3)
}

// sizes returns the statement that gives the size of each attachment's content,
// in the order of reading.
func (m Mapping) sizes(q Query, r Range, d Dialect) Statement {
	s := &statement{m: m, d: d}
	_, text := s.attachmentKeys(q, r, ", octet_length("+s.contentColumn()+") as size")
	return Statement{SQL: "select k.size from (" + text + ") k order by k.key_at, k.key_id, k.key_sub", Args: s.args}
}

// readWithoutContent is Read with null for the content.
func (m Mapping) readWithoutContent(q Query, r Range, d Dialect) Statement {
	s := &statement{m: m, d: d, withoutContent: true}
	text := s.readAttachments(q, r)
	return Statement{SQL: text, Args: s.args}
}

// content returns the statement that gives the content of an attachment in
// pieces.
func (m Mapping) content(k Key, size int64, d Dialect) Statement {
	s := &statement{m: m, d: d}
	row := m.QuotedTable("attachment") + " a where " + m.column("a", "attachment", "id", "id") + " = " + s.arg(k.Sub) +
		" and " + m.column("a", "attachment", "entityId", "entityid") + " = " + s.arg(k.ID)
	return Statement{SQL: d.Pieces(s.contentColumn(), row, pieceOf(min(size, math.MaxInt32), d.PiecesOfOne())), Args: s.args}
}

func (s *statement) contentColumn() string {
	return s.m.column("a", "attachment", "content", "content")
}
