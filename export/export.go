// Package export is the engine: it reads a window of Contact History and
// stores it as encrypted artifacts.
//
//	one goroutine        several           one
//	read ─▶ encode ─▶ cut ─▶ deflate ─▶ hash ─▶ zip ─▶ CMS ─▶ hash ─▶ bucket
//	         lines    blocks          in order
//
// Records become JSON Lines (encode.go), lines are cut into blocks of about
// 1 MiB and blocks into parts (cut.go), blocks are compressed on several cores
// (deflate.go) and written in their order by one writer (part.go). The blocks
// are a ring: when all of them are on their way, reading waits. All is one
// stream in constant memory, and no plaintext touches a disk. ReadZip is the
// way back (unzip.go), and a Manifest accounts for a run (manifest.go).
//
// The engine knows no database of ours, no queue and no HTTP. What it stores
// under an attempt's prefix is all there when Run returns nil. When it returns
// an error all is gone but the parts that were handed to Spec.Keep, behind which
// a later attempt goes on. An object never appears before it is whole.
package export

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"

	"cdds"
	"cdds/source"
)

// Engine carries out exports. It is safe for concurrent runs.
type Engine struct {
	Source source.Source
	Bucket *blob.Bucket
	// Sync makes a stored object durable; nil where the bucket does by itself.
	Sync func(ctx context.Context, key string) error
	// SnapshotLife is how long HoldSnapshot holds; 0: 5 minutes. A longer one
	// holds back vacuum.
	SnapshotLife time.Duration
	// LeastRecords is the least that a range of a run is cut for; 0: 50,000, and
	// what makes about three parts.
	LeastRecords int64
	// BeforeWrite sets options of the store's own for each object, as
	// blob.WriterOptions has it; nil: none.
	BeforeWrite  func(asFunc func(any) bool) error
	Largest      int64 // bytes of an object that the bucket takes; 0: any number
	Workers      int   // compressors of a run; 0: one for each core, at most 8
	RangeRecords int   // records of a short transaction; 0: 10,000
	// StorageTimeout bounds each single call to the storage; 0: 10 minutes.
	StorageTimeout time.Duration
}

// Spec says what to export.
type Spec struct {
	RunID       string
	Type        cdds.EntityType
	TenantID    int64 // the tenant's number in the source
	Window      cdds.Window
	By          cdds.DateField
	MediaTypes  []string         // nil: all; contacts ignore it
	SplitSize   int64            // bytes of a finished artifact; 0: one file
	Compression cdds.Compression // "": default
	Recipients  []*x509.Certificate
	Encryption  cdds.Encryption // "": compatible
	Prefix      string          // of the objects' keys; belongs to this attempt alone
	OneSnapshot bool            // read the whole run in one transaction
	// Range is the stretch of a split run to export; nil: all of it. Kept, Keep,
	// Room and Prefix are then those of the range.
	Range *Range
	// Snapshot is the name of a snapshot that HoldSnapshot holds, under which all
	// is read while it lives; "": what is there when it is read.
	Snapshot string
	// Counted is what Cut gave where it did not pay: Run need not count again.
	Counted []Range
	// NotBefore is the instant that the source's clock must have reached: what
	// comes until then is not all there yet. A run that comes earlier ends with
	// a *TooEarly. Zero: whenever.
	NotBefore time.Time
	// Room is how many bytes all artifacts of the run may have, those of earlier
	// attempts included; 0: any number. A run that would need more ends with
	// ErrNoRoom.
	Room int64
	// Kept is what earlier attempts of a split run have durably stored, in the
	// order of the parts: the run goes on behind the last record of it.
	Kept []Checkpoint
	// Keep is told of each part of a split run when it is durably stored. A
	// kept part stays when the run fails. Nil: nothing is kept. ErrCut ends the
	// run behind this part.
	Keep func(ctx context.Context, c Checkpoint) error
}

// Checkpoint is a durably stored part of a split run, with all that the next
// attempt needs to go on behind it. Its JSON form is what attempts of different
// versions of the product hand to each other.
type Checkpoint struct {
	Artifact   Artifact `json:"artifact"`   // its Parts is not known yet
	Recipients []string `json:"recipients"` // fingerprints of the certificates that it is encrypted to
	// Encryption is how; "" in what a version without the choice has stored, which
	// is compatible.
	Encryption cdds.Encryption `json:"encryption"`
}

// TooEarly is the error of a run whose window is not over yet by the source's
// clock, which stamps the records.
type TooEarly struct{ Wait time.Duration }

// Error says how long to wait.
func (e *TooEarly) Error() string {
	return "the window is not over yet by the clock of Contact History; wait " + e.Wait.String()
}

// Progress is how far a run has come; it may be read while the run works.
type Progress struct {
	Records atomic.Int64 // records encoded, attachments included
	Bytes   atomic.Int64 // bytes of JSON Lines
	Total   atomic.Int64 // records to come, as counted or estimated at the start

	waiting atomic.Pointer[string]
}

// Waiting says, in a sentence for people, what the run waits for, and is ""
// while it reads.
func (p *Progress) Waiting() string {
	if why := p.waiting.Load(); why != nil {
		return *why
	}
	return ""
}

// wait notes what the run waits for.
func (p *Progress) wait(why string) { p.waiting.Store(&why) }

// Result is what a run made. A run without records has no artifacts.
type Result struct {
	Artifacts  []Artifact              // in the order of their parts
	Records    map[source.Entity]int64 // of each kind that the run reads, also where it is 0
	TotalExact bool                    // Progress.Total was counted, not estimated
	// OneSnapshot, and when the first and the last snapshot with records were
	// taken, by the source's clock.
	OneSnapshot                 bool
	SnapshotFirst, SnapshotLast time.Time
	// Last is where Keep has cut the run by ErrCut, and nil where it was read to
	// its end.
	Last *source.Key
}

// Artifact is one stored file.
type Artifact struct {
	Name   string `json:"name"`
	Key    string `json:"key"`  // in the bucket
	Part   int    `json:"part"` // 1..Parts
	Parts  int    `json:"parts"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // of the stored bytes, lower-case hex
	Files  []File `json:"files"`  // what is inside
}

// File is one plaintext file inside of an artifact.
type File struct {
	Name     string        `json:"name"`
	Entity   source.Entity `json:"entity"`
	Records  int64         `json:"records"`
	Size     int64         `json:"size"`   // bytes
	SHA256   string        `json:"sha256"` // lower-case hex
	First    source.Key    `json:"first"`
	Last     source.Key    `json:"last"`
	Snapshot time.Time     `json:"snapshot"` // of the first record, by the source's clock
}
