// Package source reads Contact History. It names the records and their fields
// once (fields.go), says how a source is asked (Query, Range) and leaves the
// reading to its two drivers, postgres and sqlite, which both pass the suite in
// sourcetest.
//
// A source hands out records as typed values in wire form, valid only until
// the callback returns, so that the export engine can append JSON without an
// allocation per value. It refuses to write: every transaction is read-only.
package source

import (
	"context"
	"time"

	"cdds"
)

// Entity is the kind of a record, and so of a data file.
type Entity string

// The three entities of DESIGN's data contract.
const (
	Interaction Entity = "interaction"
	Attachment  Entity = "attachment"
	Contact     Entity = "contact"
)

// Query says which records a run reads. The same query always names the same
// records as long as the source does not change.
type Query struct {
	Entity   Entity
	TenantID int64          // the tenant's number inside the source
	Window   cdds.Window    // [Start, End); a zero Start reads from the beginning
	By       cdds.DateField // the date that decides; see cdds.DateField for contacts
	// MediaTypes keeps interactions of these media types (and their
	// attachments). Nil keeps all. Contacts ignore it.
	MediaTypes []string
	// Kinds spares the source look-ups and changes no record, as long as it was
	// learned when all interactions of the window had their rows. Nil: nothing is
	// known.
	Kinds Kinds
}

// Key is the immutable place of a record in the reading order:
// (start date, id) for interactions, (start date of the interaction,
// interaction id, attachment id) for attachments, id alone for contacts.
type Key struct {
	At  int64  `json:"at,omitempty"` // microseconds since 1970 UTC; MinInt64/MaxInt64 are the infinities
	ID  string `json:"id"`
	Sub string `json:"sub,omitempty"` // the attachment's id
}

// Range is a stretch of a query in key order, read in one short transaction. Its
// keys need not be those of records: an id that is "" comes before all others.
type Range struct {
	After *Key // exclusive; nil starts at the first record
	Upto  *Key // inclusive; nil ends at the last record
	Limit int  // most records to read; 0 means no limit
}

// Count is how many records a query has.
type Count struct {
	Records int64
	Exact   bool // false where the source's own statistics gave an estimate
}

// Source is one Contact History database. Its methods may be called from
// several goroutines. Errors are *cdds.Error with CodeUnavailable where the
// database may come back, CodeInvalid where it or its mapping must be mended.
type Source interface {
	// Snapshot begins one read-only transaction that sees the database as it
	// is now. The caller must Close it.
	Snapshot(ctx context.Context) (Snapshot, error)
	// MediaTypes lists the media types that the tenant's interactions have,
	// sorted.
	MediaTypes(ctx context.Context, tenantID int64) ([]string, error)
	// Check compares the mapping with the live database.
	Check(ctx context.Context) ([]Finding, error)
	// Close releases all connections.
	Close() error
}

// Snapshot is one read-only, repeatable-read transaction. It is used by one
// goroutine at a time.
type Snapshot interface {
	// Time is the source's clock just before the snapshot was taken: all that
	// was committed until then is seen.
	Time() time.Time
	// Count returns the number of records of q, exact where that is cheap.
	Count(ctx context.Context, q Query) (Count, error)
	// Kinds learns what the Kinds of a query of so many interactions should be.
	// It is nil where that would cost more than it spares.
	Kinds(ctx context.Context, records int64) (Kinds, error)
	// Cut returns the keys, in their order, that end all but the last of at most
	// so many stretches, into which the records of r fall in about equal numbers.
	// It goes by statistics or a sample and costs little, however many records
	// there are. None where the source cannot tell. Those of attachments are cut
	// as their interactions are.
	Cut(ctx context.Context, q Query, r Range, most int) ([]Key, error)
	// Read calls emit for each record of the range in key order and returns how
	// many it gave. The record and its bytes are valid until emit returns. An
	// error of emit ends the read and is returned as it is; after any error the
	// snapshot can only be closed.
	Read(ctx context.Context, q Query, r Range, emit func(*Record) error) (int, error)
	// Close ends the transaction.
	Close() error
}

// Finding is one thing that Check has to say about a table or a column.
type Finding struct {
	OK      bool // false: exports fail until it is mended
	Warning bool // it works, but something should be looked at
	Entity  Entity
	What    string // such as "column interaction.startdate"
	Detail  string // what is wrong and what to do, or what was found
}

// Record is one record of an entity. Values stand parallel to Fields(entity).
type Record struct {
	Key        Key
	Values     []Value
	Attributes []Attribute // contacts only, ordered by name then value (bytewise)
	// Content is an attachment's content where it is longer than MaxContent. The
	// value of the field, which is the last one, has no bytes then.
	Content *Content
}

// Value is one field's value in a form that needs no allocation.
type Value struct {
	Null  bool
	Int   int64  // Int, Bool (0 or 1), Instant (microseconds since 1970 UTC)
	Bytes []byte // Text (UTF-8), JSON (one valid JSON text), Binary
}

// Attribute is one attribute of a contact.
type Attribute struct {
	Name, Value string
	Primary     bool
	Description *string // nil where the source has NULL
}
