// Package sample writes a made-up Contact History for a first look, for demos
// and for tests: the customers of Lindenstrom, an energy and internet provider
// that does not exist, and two years of what they asked and were told.
//
// Flow: Write opens a temporary SQLite file in the reference schema, writes the
// contacts, then the interactions day by day (calendar.go says how many, the
// threads in thread.go say which), each day one transaction, and renames the
// file into place. What people say comes from phrases/, one file per language.
//
// The same options always give the same records. Nothing is kept in memory but
// the phrases: a contact is computed anew from its number whenever it is needed,
// so a history of any size takes the same memory. All names are invented,
// mail addresses end in reserved domains and phone numbers come from the ranges
// that regulators keep for films. The package refuses to write anything into an
// existing database: it replaces the file as a whole or leaves it alone.
package sample

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"cdds"
	"cdds/source/sqlite"
)

// The defaults of Options.
const (
	defaultInteractions = 50_000
	defaultContacts     = 10_000
	defaultTenantID     = 101
	years               = 2
)

// Options say what to write. A zero number means its default.
type Options struct {
	Interactions int    // how many interactions; default 50,000
	Contacts     int    // how many contacts; default 10,000
	Seed         uint64 // another seed gives other records of the same kind
	TenantID     int64  // the tenant's number in the history; default 101
	// End is where the history ends, cut to the start of its day in UTC. The
	// history covers the two years before it. It is mandatory: the clock would
	// make two runs differ.
	End time.Time
}

// Summary says what was written.
type Summary struct {
	Interactions int
	Contacts     int
	Attributes   int            // attributes of all contacts
	Attachments  int            // attachments of all interactions
	MediaTypes   map[string]int // interactions by media type
	Start, End   time.Time      // the interactions start in [Start, End)
	Bytes        int64          // size of the file
}

// Write writes the sample to a new SQLite file and moves it to path, where it
// appears whole or not at all; a file of that name is replaced. The folder must
// exist. Options that make no sense give a *cdds.Error with CodeInvalid; other
// errors are those of the file system.
func Write(ctx context.Context, path string, opts Options) (Summary, error) {
	opts, err := opts.complete()
	if err != nil {
		return Summary{}, err
	}
	g, err := newGenerator(opts)
	if err != nil {
		return Summary{}, err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return Summary{}, fmt.Errorf("create the sample Contact History: %w", err)
	}
	summary, err := fill(ctx, temp.Name(), g)
	err = errors.Join(err, temp.Close())
	if err == nil {
		summary.Bytes, err = publish(temp.Name(), path)
	}
	if err != nil {
		return Summary{}, errors.Join(fmt.Errorf("write the sample Contact History: %w", err), removeTemp(temp.Name()))
	}
	return summary, nil
}

// complete fills in the defaults and refuses what makes no sense.
func (o Options) complete() (Options, error) {
	switch {
	case o.Interactions < 0:
		return o, cdds.Invalid("interactions", "must be 1 or more.")
	case o.Contacts < 0:
		return o, cdds.Invalid("contacts", "must be 1 or more.")
	case o.End.IsZero():
		return o, cdds.Invalid("end", "must be the instant where the history ends.")
	}
	if o.Interactions == 0 {
		o.Interactions = defaultInteractions
	}
	if o.Contacts == 0 {
		o.Contacts = defaultContacts
	}
	if o.TenantID == 0 {
		o.TenantID = defaultTenantID
	}
	y, m, d := o.End.UTC().Date()
	o.End = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return o, nil
}

// fill writes all records into the SQLite file at path.
func fill(ctx context.Context, path string, g *generator) (Summary, error) {
	db, err := sql.Open("sqlite", bulkDSN(path)) // source/sqlite brings the driver
	if err != nil {
		return Summary{}, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // one writer, and one connection holds the pragmas
	summary, err := fillDB(ctx, db, g)
	return summary, errors.Join(err, db.Close())
}

func fillDB(ctx context.Context, db *sql.DB, g *generator) (Summary, error) {
	summary := Summary{MediaTypes: map[string]int{}, Start: g.start, End: g.opts.End}
	if err := sqlite.CreateSchema(ctx, db); err != nil {
		return summary, err
	}
	if err := writeContacts(ctx, db, g, &summary); err != nil {
		return summary, err
	}
	return summary, writeInteractions(ctx, db, g, &summary)
}

// bulkDSN opens a file for one fast load: no journal and no waiting for the
// disk, because a file that was not finished is thrown away. publish syncs it.
func bulkDSN(path string) string {
	pragmas := url.Values{"_pragma": {
		"page_size(8192)", "journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "cache_size(-32768)", "foreign_keys(OFF)",
	}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode()
}

// publish makes the finished file durable, moves it to its name and returns its
// size. It stays in one folder, because a rename is atomic only there.
func publish(temp, path string) (int64, error) {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	info, statErr := f.Stat()
	if err := errors.Join(statErr, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), os.Rename(temp, path)
}

// removeTemp takes away the unfinished file.
func removeTemp(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the unfinished file: %w", err)
	}
	return nil
}
