package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Made-up history: rows whose columns are all filled, with prose that a program
// writes and no two of which are alike. It is the other end from the real
// conversations, of which much is absent or comes again: a deflate has four
// times as much to do for each byte that it saves.
const (
	proseBytes  = 2_700    // of a record as JSON, about
	sampleTexts = 4_000    // real texts that the words are taken from
	textMean    = 600      // bytes of a text, in the mean
	textSpread  = 0.8      // of their logarithms
	wordBytes   = 6        // of a word with its space, about
	proseSeed   = 20260101 // the same history each time
)

// prose writes text as the words follow each other in real ones.
type prose struct {
	rand  *rand.Rand
	next  map[string][]string
	words []string
}

// newProse learns from the texts that are loaded.
func newProse(ctx context.Context, conn *pgx.Conn) (*prose, error) {
	rows, err := conn.Query(ctx, "select coalesce(text, thecomment) from interaction where length(coalesce(text, thecomment)) > 80 order by md5(id) limit $1", sampleTexts)
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	p := &prose{rand: rand.New(rand.NewPCG(proseSeed, 1)), next: map[string][]string{}}
	for _, text := range texts {
		words := strings.Fields(text)
		p.words = append(p.words, words...)
		for i := 1; i < len(words); i++ {
			p.next[words[i-1]] = append(p.next[words[i-1]], words[i])
		}
	}
	return p, nil
}

func (p *prose) pick(list []string) string { return list[p.rand.IntN(len(list))] }

// text is n words, now and then with what JSON has to escape or UTF-8 to spell.
func (p *prose) text(n int) string {
	var b strings.Builder
	word := p.pick(p.words)
	for range n {
		b.WriteString(word)
		switch p.rand.IntN(60) {
		case 0:
			b.WriteString("\r\n")
		case 1:
			b.WriteString(` "so" `)
		case 2:
			b.WriteString(" – Grüße, ")
		default:
			b.WriteByte(' ')
		}
		if following := p.next[word]; len(following) > 0 {
			word = p.pick(following)
		} else {
			word = p.pick(p.words)
		}
	}
	return b.String()
}

// long is a text whose length is spread as those of real ones are.
func (p *prose) long() string {
	size := math.Exp(p.rand.NormFloat64()*textSpread + math.Log(textMean) - textSpread*textSpread/2)
	return p.text(max(1, int(size)/wordBytes))
}

func (p *prose) id(n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	id := make([]byte, n)
	for i := range id {
		id[i] = digits[p.rand.IntN(len(digits))]
	}
	return string(id)
}

// one of a few values, as a column of codes has them.
func (p *prose) code(name string, of int) string {
	return fmt.Sprintf("%s %03d", name, p.rand.IntN(of))
}

// fill replaces the interactions and what belongs to them by made-up ones.
func fill(ctx context.Context, conn *pgx.Conn, megabytes int) error {
	p, err := newProse(ctx, conn)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"set session_replication_role = replica",
		"truncate interaction, interaction_email, interaction_chat, interaction_phonecall, interaction_callback, attachment",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	n, at := megabytes*1_000_000/proseBytes, 0
	columns := append([]string{"id", "tenantid", "entitytypeid"}, filledColumns()...)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"interaction"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if at == n {
			return nil, nil
		}
		at++
		row, err := p.row(at)
		return append([]any{p.id(16), tenant, 2}, row...), err
	}))
	if err != nil {
		return fmt.Errorf("write interactions: %w", err)
	}
	const chats = "insert into interaction_chat (interactionid, establisheddate, releaseddate, nickname) select id, startdate, enddate, ownerid from interaction order by startdate, id"
	for _, statement := range []string{chats, "vacuum analyze"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// filledColumns are the columns that row gives values for.
func filledColumns() []string {
	columns := []string{"contactid", "parentid", "threadid", "threadhash", "externalid", "mediatypeid", "typeid", "subtypeid", "status", "stoppedreason",
		"startdate", "modifieddate", "enddate", "timeshift", "subject", "text", "thecomment", "lang", "ownerid", "creatorappid", "subtenantid", "queuename",
		"categoryid", "iscategoryapproved", "isspam", "websafeemailstatus", "canbeparent", "allattributes"}
	for i := 1; i <= 10; i++ {
		columns = append(columns, fmt.Sprintf("strattribute%d", i))
	}
	for i := 1; i <= 5; i++ {
		columns = append(columns, fmt.Sprintf("intattribute%d", i))
	}
	return columns
}

// row makes the n-th interaction, in the order of their dates.
func (p *prose) row(n int) ([]any, error) {
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n)*30*time.Second + time.Duration(p.rand.IntN(30_000))*time.Millisecond)
	end := start.Add(time.Duration(p.rand.IntN(3_600_000)) * time.Millisecond)
	attributes, err := json.Marshal(map[string]any{
		"OriginationSource": p.code("site", 12), "CustomerSegment": p.code("segment", 9), "ServiceType": p.code("service", 60), "_CallID": p.id(20),
		"Score": p.rand.IntN(10_000), "Language": "en", "LastCalledAgent": p.code("agent", 400), "Reason": p.text(4),
	})
	row := []any{p.id(16), p.id(16), p.id(16), p.rand.Int32(), p.id(24), "chat", "Inbound", "InboundNew", 3, p.code("reason", 8),
		start, end, end, -60 * p.rand.IntN(12), p.text(6), p.long(), p.text(12), "en", p.code("agent", 400), p.rand.IntN(9), p.rand.IntN(9), p.code("queue", 40),
		p.id(16), p.rand.IntN(2) == 0, false, "ok", true, json.RawMessage(attributes)}
	for i := range 10 {
		row = append(row, p.code([]string{"region", "product", "campaign", "skill", "level"}[i%5], 20*(i+1)))
	}
	for range 5 {
		row = append(row, p.rand.IntN(100_000))
	}
	return row, err
}
