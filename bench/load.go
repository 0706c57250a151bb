package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"cdds/pgtest"
)

const (
	// tenant is the tenant's number in the data.
	tenant = 101
	// copyMegabytes is what one copy of the conversations gives as JSON Lines.
	copyMegabytes = 300
	// copyYears is how far apart the copies lie in time: further than the data is
	// long, so that a record and its copy never meet in a compressor's window.
	copyYears = 20
)

// history is the database that all ways read.
type history struct {
	dsn                       string
	interactions, attachments int64
}

// load makes a database with the real conversations, as many times over as the
// size asks for. Ids are made unique.
func load(ctx context.Context, server *pgtest.Server, o options) (h history, err error) {
	admin, err := pgx.Connect(ctx, server.DSN("postgres", "postgres"))
	if err != nil {
		return h, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, admin.Close(ctx)) }()
	if _, err := admin.Exec(ctx, "create database bench"); err != nil {
		return h, fmt.Errorf("create the database: %w", err)
	}
	h.dsn = server.DSN("bench", "postgres")
	if err := server.LoadRealData(ctx, h.dsn, o.root); err != nil {
		return h, err
	}
	conn, err := pgx.Connect(ctx, h.dsn)
	if err != nil {
		return h, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := o.lay(ctx, conn); err != nil {
		return h, err
	}
	err = conn.QueryRow(ctx, "select (select count(*) from interaction), (select count(*) from attachment)").Scan(&h.interactions, &h.attachments)
	if err != nil {
		return h, fmt.Errorf("count: %w", err)
	}
	return h, nil
}

// lay makes the rows that are to be read, in the order in which they shall lie.
func (o options) lay(ctx context.Context, conn *pgx.Conn) error {
	if o.madeUp {
		return fill(ctx, conn, o.megabytes)
	}
	order := "n, i.startdate, i.id"
	if o.shuffled {
		order = "md5(i.id || n)"
	}
	return multiply(ctx, conn, max(1, (o.megabytes+copyMegabytes/2)/copyMegabytes), order)
}

// multiply rewrites the tables with that many copies of their rows, laid out in
// the given order. Contacts stay as they are, since no way reads them.
func multiply(ctx context.Context, conn *pgx.Conn, copies int, order string) error {
	do := func(statement string) error {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%.60s ...: %w", statement, err)
		}
		return nil
	}
	// References between the copies hold by the way they are made.
	if err := do("set session_replication_role = replica"); err != nil {
		return err
	}
	tables := []string{"interaction", "interaction_email", "interaction_chat", "interaction_phonecall", "interaction_callback", "attachment"}
	for _, table := range tables {
		if err := do("create temp table original_" + table + " as select * from " + table); err != nil {
			return err
		}
		// Nobody else looks at a temporary table to know how large it is.
		if err := do("analyze original_" + table); err != nil {
			return err
		}
	}
	if err := do("truncate " + strings.Join(tables, ", ")); err != nil {
		return err
	}
	for _, table := range tables {
		values, err := shifted(ctx, conn, table)
		if err != nil {
			return err
		}
		// The rows of the other tables were written when their interaction was, and
		// so lie in its order.
		from := "original_" + table + " o"
		switch table {
		case "interaction":
			from += ", lateral (select o.startdate, o.id) i"
		case "attachment":
			from += " join original_interaction i on i.id = o.entityid"
		default:
			from += " join original_interaction i on i.id = o.interactionid"
		}
		if err := do(fmt.Sprintf("insert into %s select %s from %s, generate_series(0, %d) n order by %s", table, values, from, copies-1, order)); err != nil {
			return err
		}
	}
	if err := do("drop table original_" + strings.Join(tables, ", original_")); err != nil {
		return err
	}
	return do("vacuum analyze")
}

// shifted lists a table's columns as the n-th copy has them.
func shifted(ctx context.Context, conn *pgx.Conn, table string) (string, error) {
	var columns []string
	err := conn.QueryRow(ctx, "select array_agg(column_name::text order by ordinal_position) from information_schema.columns where table_schema = 'public' and table_name = $1", table).Scan(&columns)
	if err != nil {
		return "", fmt.Errorf("list columns: %w", err)
	}
	for i, c := range columns {
		switch {
		case c == "id" || c == "interactionid" || c == "entityid" || c == "parentid" || c == "threadid":
			columns[i] = fmt.Sprintf("o.%s || '-' || n as %s", c, c)
		case strings.HasSuffix(c, "date"):
			columns[i] = fmt.Sprintf("o.%s + n * interval '%d years' as %s", c, copyYears, c)
		default:
			columns[i] = "o." + c
		}
	}
	return strings.Join(columns, ", "), nil
}
