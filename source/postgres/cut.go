package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds"
	"cdds/source"
)

const (
	// sampledPages and rowsOfPage bound a sample: so many pages of the table,
	// evenly over it, and the first rows of each. Pages of long records so count
	// for more than their records, which are more work too.
	sampledPages = 2048
	rowsOfPage   = 4
	// probes and rowsOfProbe bound what is read by the index over modified dates.
	probes      = 128
	rowsOfProbe = 8
	// probeCost is the most that the planner may expect of that, in its units: one
	// is about the read of a page. Without the index it is far more.
	probeCost = 20_000
	// mostWeighed is how many stretches the planner is asked about for each that
	// is wanted, and chainWeighed how many to find the place in time at all.
	mostWeighed, chainWeighed = 16, 64
)

// Cut goes by the planner's estimates, and so by the statistics, where the window
// is one of start dates: they also hold for views and parts of tables. For what
// they do not know, the order of contacts and the start of what was modified, it
// takes a sample.
func (s *snapshot) Cut(ctx context.Context, q source.Query, r source.Range, most int) ([]source.Key, error) {
	if most < 2 {
		return nil, nil
	}
	if q.ByStart() {
		from, to := q.Bounds(r)
		instants, err := evenInstants(from, to, most, func(spans []span) error { return s.weigh(ctx, q, spans) })
		if err != nil {
			return nil, err
		}
		if len(instants) > 0 {
			keys, err := s.keys(ctx, s.source.mapping.LastBefore(q.Entity, r, dialect{}, instants))
			return q.Within(keys, r), err
		}
	}
	keys, err := s.sample(ctx, q, r)
	if err == nil && q.Entity != source.Contact && !q.ByStart() && len(q.Evenly(keys, r, most)) < most-1 {
		keys, err = s.nearModified(ctx, q, r, keys)
	}
	return q.Evenly(keys, r, most), err
}

// span is a half-open stretch of instants and how many records are expected in
// it.
type span struct {
	from, to int64 // microseconds
	records  float64
}

// evenInstants returns the instants that cut a stretch into so many of equally
// many records. It halves what holds more than half of a share, and takes the
// records of what is left to lie evenly in it. None where the weights do not
// tell anything.
func evenInstants(from, to int64, want int, weigh func([]span) error) ([]int64, error) {
	spans := []span{{from: from, to: to}}
	if from >= to {
		return nil, nil
	}
	if err := weigh(spans); err != nil {
		return nil, err
	}
	want = min(want, int(spans[0].records/source.HitsOfStretch))
	if want < 2 {
		return nil, nil
	}
	share := spans[0].records / float64(want)
	for asked := 0; asked < mostWeighed*want+chainWeighed; {
		var halves []span
		for _, s := range spans {
			if s.records > share/2 && s.to-s.from > 1 {
				middle := s.from + (s.to-s.from)/2
				halves = append(halves, span{from: s.from, to: middle}, span{from: middle, to: s.to})
			}
		}
		if len(halves) == 0 {
			break
		}
		if err := weigh(halves); err != nil {
			return nil, err
		}
		asked += len(halves)
		var told bool
		if spans, told = refine(spans, halves); !told {
			return nil, nil
		}
	}
	return quantiles(spans, want), nil
}

// refine puts halves, two by two, in the place of what they are halves of. It is
// false where none of them is smaller than the whole: then it is not from
// statistics that the planner speaks.
func refine(spans, halves []span) (refined []span, told bool) {
	const same = 0.9
	for _, s := range spans {
		if len(halves) == 0 || halves[0].from != s.from {
			refined = append(refined, s)
			continue
		}
		told = told || min(halves[0].records, halves[1].records) < same*s.records
		refined = append(refined, halves[0], halves[1])
		halves = halves[2:]
	}
	return refined, told
}

// quantiles returns the instants that cut spans into so many equal shares.
func quantiles(spans []span, want int) []int64 {
	total := 0.0
	for _, s := range spans {
		total += s.records
	}
	var out []int64
	before, next := 0.0, total/float64(want)
	for _, s := range spans {
		for next < before+s.records && len(out) < want-1 {
			out = append(out, s.from+int64(float64(s.to-s.from)*(next-before)/s.records)+1)
			next = total * float64(len(out)+1) / float64(want)
		}
		before += s.records
	}
	return out
}

// weigh asks the planner how many interactions it expects in each span.
func (s *snapshot) weigh(ctx context.Context, q source.Query, spans []span) error {
	q.Entity = source.Interaction
	batch := &pgx.Batch{}
	for i := range spans {
		q.Window = cdds.Window{Start: time.UnixMicro(spans[i].from), End: time.UnixMicro(spans[i].to)}
		st := s.source.mapping.Rows(q, dialect{})
		batch.Queue("explain (format json) "+st.SQL, st.Args...).QueryRow(func(row pgx.Row) error {
			var p plans
			err := row.Scan(&p)
			spans[i].records = p.first().Rows
			return err
		})
	}
	return failure(ctx, s.tx.SendBatch(ctx, batch).Close())
}

// sample returns the keys of those records of a range that lie at the beginning
// of some pages of the table, and none where it is a view.
func (s *snapshot) sample(ctx context.Context, q source.Query, r source.Range) ([]source.Key, error) {
	table, alias := "interaction", "i"
	if q.Entity == source.Contact {
		table, alias = "contact", "c"
	}
	const pagesOf = "select case when relkind in ('r', 'm') then pg_relation_size(oid) / current_setting('block_size')::bigint else 0 end from pg_class where oid = to_regclass($1)"
	var pages int64
	if err := s.tx.QueryRow(ctx, pagesOf, s.source.mapping.QuotedTable(table)).Scan(&pages); err != nil || pages == 0 {
		return nil, failure(ctx, err)
	}
	n := min(pages, sampledPages)
	rows := fmt.Sprintf("%s.ctid = any (array(select format('(%%s,%%s)', n * %d / %d, m)::tid from generate_series(0::bigint, %d) n, generate_series(1, %d) m))", alias, pages, n, n-1, rowsOfPage)
	return s.keys(ctx, s.source.mapping.Sampled(q, r, dialect{}, alias, rows))
}

// nearModified returns a sample of a range by the index over modified dates,
// which finds also the few that were modified in a short window. Where there is
// no such index, the sample stays what it is.
func (s *snapshot) nearModified(ctx context.Context, q source.Query, r source.Range, sample []source.Key) ([]source.Key, error) {
	from, to := q.Bounds(source.Range{})
	instants, err := evenInstants(from, to, probes, func(spans []span) error { return s.weigh(ctx, q, spans) })
	if err != nil || len(instants) == 0 {
		return sample, err
	}
	st := s.source.mapping.NearModified(q, r, dialect{}, instants, rowsOfProbe)
	p, err := s.plan(ctx, st)
	if err != nil || p.Cost > probeCost {
		return sample, err
	}
	near, err := s.keys(ctx, st)
	if len(near) < len(sample) {
		return sample, err
	}
	return near, err
}

// keys reads keys.
func (s *snapshot) keys(ctx context.Context, st source.Statement) (keys []source.Key, err error) {
	err = statements{ctx, s}.rows(st, func(rows pgx.Rows) error {
		columns := rows.FieldDescriptions()
		at := s.types.decoder(source.Instant, columns[0].DataTypeOID)
		id, sub := s.types.decoder(source.Text, columns[1].DataTypeOID), s.types.decoder(source.Text, columns[2].DataTypeOID)
		for rows.Next() {
			var values [3]source.Value
			for i, decode := range []decoder{at, id, sub} {
				if raw := rows.RawValues()[i]; raw != nil {
					if decode == nil {
						return errUnexpected
					}
					if _, ok := decode(&values[i], raw, nil); !ok {
						return errUnexpected
					}
				}
			}
			keys = append(keys, source.Key{At: values[0].Int, ID: string(values[1].Bytes), Sub: string(values[2].Bytes)})
		}
		return nil
	})
	return keys, err
}
