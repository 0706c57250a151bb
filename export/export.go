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
// under an attempt's prefix is all there when Run returns nil, and gone when it
// returns an error; an object never appears before it is whole.
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
	Sync         func(ctx context.Context, key string) error
	Workers      int // compressors of a run; 0: one for each core, at most 8
	RangeRecords int // records of a short transaction; 0: 10,000
}

// Spec says what to export.
type Spec struct {
	RunID       string
	Type        cdds.EntityType
	TenantID    int64 // the tenant's number in the source
	Window      cdds.Window
	By          cdds.DateField
	MediaTypes  []string // nil: all; contacts ignore it
	SplitSize   int64    // bytes of a finished artifact; 0: one file
	Recipients  []*x509.Certificate
	Prefix      string // of the objects' keys; belongs to this attempt alone
	OneSnapshot bool   // read the whole run in one transaction
}

// Progress is how far a run has come; it may be read while the run works.
type Progress struct {
	Records atomic.Int64 // records encoded, attachments included
	Bytes   atomic.Int64 // bytes of JSON Lines
	Total   atomic.Int64 // records to come, as counted or estimated at the start
}

// Result is what a run made. A run without records has no artifacts.
type Result struct {
	Artifacts  []Artifact              // in the order of their parts
	Records    map[source.Entity]int64 // of each kind that the run reads, also where it is 0
	TotalExact bool                    // Progress.Total was counted, not estimated
	// OneSnapshot, and when the first and the last snapshot with records were
	// taken, by the source's clock.
	OneSnapshot                 bool
	SnapshotFirst, SnapshotLast time.Time
}

// Artifact is one stored file.
type Artifact struct {
	Name   string
	Key    string // in the bucket
	Part   int    // 1..Parts
	Parts  int
	Size   int64  // bytes
	SHA256 string // of the stored bytes, lower-case hex
	Files  []File // what is inside
}

// File is one plaintext file inside of an artifact.
type File struct {
	Name        string
	Entity      source.Entity
	Records     int64
	Size        int64  // bytes
	SHA256      string // lower-case hex
	First, Last source.Key
}
