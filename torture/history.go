package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdds/pgtest"
)

//go:embed history.sql
var scripts embed.FS

// history is the source database and what must be read from it. Its own
// connections go to the server directly, past the proxy.
type history struct {
	server *pgtest.Server
	dsn    string
	pool   *pgxpool.Pool
}

// newHistory fills a database of a new server.
func newHistory(ctx context.Context, interactions int) (_ *history, err error) {
	h := &history{}
	if h.server, err = pgtest.Open(); err != nil {
		return nil, err
	}
	if h.dsn, err = h.server.NewDatabase(); err != nil {
		return nil, errors.Join(err, h.close())
	}
	if h.pool, err = pgxpool.New(ctx, h.dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("open the source: %w", err), h.close())
	}
	text, err := scripts.ReadFile("history.sql")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the script: %w", err), h.close())
	}
	script := strings.ReplaceAll(string(text), ":interactions", strconv.Itoa(interactions))
	if _, err := h.pool.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, errors.Join(fmt.Errorf("write the Contact History: %w", err), h.close())
	}
	return h, nil
}

// readerDSN is the address of the database behind a port, for the role that may
// only read.
func (h *history) readerDSN(port int) string {
	name := h.dsn[strings.LastIndex(h.dsn, "/")+1:]
	return fmt.Sprintf("postgres://reader@127.0.0.1:%d/%s", port, name)
}

// close removes the server.
func (h *history) close() error {
	if h.pool != nil {
		h.pool.Close()
	}
	return h.server.Close()
}

// digest identifies a record by its kind, its id and the hash of its content.
type digest [16]byte

func newDigest(kind, id, contentHash string) digest {
	sum := sha256.Sum256([]byte(kind + "|" + id + "|" + contentHash))
	return digest(sum[:16])
}

// multiset says how often each record is there.
type multiset map[digest]int

// differ counts the records that another multiset lacks, and those that it has
// too often.
func (m multiset) differ(got multiset) (lost, doubled int) {
	for d, n := range m {
		lost += max(0, n-got[d])
	}
	for d, n := range got {
		doubled += max(0, n-m[d])
	}
	return lost, doubled
}

// Queries for what a window holds: kind, id and hash of the content. They are
// written without a look at how the service reads.
const (
	interactionsOf = `
		select 'interaction', id, encode(sha256(convert_to(text, 'UTF8')), 'hex') from interaction
		where tenantid = 101 and startdate < $2 and ($1::timestamptz is null or startdate >= $1)
		union all
		select 'attachment', a.id, encode(sha256(a.content), 'hex') from attachment a join interaction i on i.id = a.entityid
		where i.tenantid = 101 and i.startdate < $2 and ($1::timestamptz is null or i.startdate >= $1)`
	contactsOf = `
		select 'contact', c.id, encode(sha256(convert_to((
			select coalesce(string_agg(a.name || '=' || a.value || ';', '' order by a.name collate "C", a.value collate "C"), '')
			from contact_attribute a where a.contactid = c.id), 'UTF8')), 'hex')
		from contact c
		where c.tenantid = 101 and coalesce(c.modifieddate, c.createddate) < $2
			and ($1::timestamptz is null or coalesce(c.modifieddate, c.createddate) >= $1)`
)

// expected returns the records that belong to a window.
func (h *history) expected(ctx context.Context, kind string, start, end *time.Time) (multiset, error) {
	query := interactionsOf
	if kind == "contact" {
		query = contactsOf
	}
	rows, err := h.pool.Query(ctx, query, start, end)
	if err != nil {
		return nil, fmt.Errorf("read what the window holds: %w", err)
	}
	defer rows.Close()
	all := multiset{}
	for rows.Next() {
		var kind, id, sum string
		if err := rows.Scan(&kind, &id, &sum); err != nil {
			return nil, fmt.Errorf("read what the window holds: %w", err)
		}
		all[newDigest(kind, id, sum)]++
	}
	return all, rows.Err()
}
