package sample

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"
)

// The streams of random numbers. Each kind of thing draws from its own, so that
// one more draw for a contact does not change any conversation.
const (
	streamContact = 1 << 40 * (iota + 1)
	streamDay
)

// generator computes the records.
type generator struct {
	opts  Options
	start time.Time
	books []*book
	desks []desk
	count int // interactions so far: the number of the next one
	files int // attachments so far
}

func newGenerator(opts Options) (*generator, error) {
	books, err := loadBooks()
	if err != nil {
		return nil, err
	}
	return &generator{opts: opts, start: opts.End.AddDate(-years, 0, 0), books: books, desks: desks()}, nil
}

// random returns the random numbers of one thing of a stream.
func (g *generator) random(stream uint64, number int) *rand.Rand {
	return rand.New(rand.NewPCG(g.opts.Seed, stream+uint64(number)))
}

// bookFor draws a language by the shares of its speakers.
func (g *generator) bookFor(r *rand.Rand) *book {
	n := r.IntN(100)
	for _, b := range g.books {
		if n < b.share {
			return b
		}
		n -= b.share
	}
	return g.books[0]
}

// id returns the unique id of the thing of a number: 16 characters, of which
// the kind is one. Contacts are strewn, so that the order of their ids is not
// the order in which they were entered; all else counts up, as it does where
// ids are made of the time.
func (g *generator) id(kind byte, number int) string {
	n := uint64(number+1) + g.opts.Seed%(1<<16)<<32
	if kind == 'C' {
		n = n * 0x9E3779B97F4A7C15 % (1 << 50) // odd, so no two numbers meet
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	id := []byte("0000Xa0000000000")
	id[4] = kind
	for i := len(id) - 1; n > 0; i-- {
		id[i] = alphabet[n%36]
		n /= 36
	}
	return string(id)
}

// writeInteractions writes all interactions, day by day.
func writeInteractions(ctx context.Context, db *sql.DB, g *generator, s *Summary) error {
	for i, quota := range quotas(g.start, g.opts.End, g.opts.Interactions) {
		day := g.start.AddDate(0, 0, i)
		err := inTx(ctx, db, func(rows *rows) error { return g.writeDay(ctx, rows, day, quota, s) })
		if err != nil {
			return fmt.Errorf("interactions of %s: %w", day.Format(time.DateOnly), err)
		}
	}
	return nil
}

// writeDay writes the conversations that begin on a day, until there are quota
// interactions in all. Later messages of a conversation may fall on later days.
func (g *generator) writeDay(ctx context.Context, rows *rows, day time.Time, quota int, s *Summary) error {
	r := g.random(streamDay, int(day.Unix()/86400))
	for s.Interactions < quota {
		thread := g.newThread(r, day)
		thread.desk.hold(thread)
		for _, record := range thread.records[:min(len(thread.records), quota-s.Interactions)] {
			if err := thread.write(ctx, rows, record); err != nil {
				return err
			}
			s.Interactions++
			s.Attachments += len(record.attachments)
			s.MediaTypes[record.mediaType]++
		}
	}
	return nil
}

// write writes one interaction of the conversation, with its documents.
func (t *thread) write(ctx context.Context, rows *rows, record *interaction) error {
	if record.hasDocuments {
		var err error
		if record.attachments, err = t.newAttachments(); err != nil {
			return err
		}
	}
	return rows.interaction(ctx, record)
}
