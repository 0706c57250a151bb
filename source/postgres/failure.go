package postgres

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"cdds"
)

// failure turns an error of the database into one that says what to do. It
// holds no value of a record and no password: of PostgreSQL's own messages only
// those on names and rights are passed on.
func failure(ctx context.Context, err error) error {
	var ours *cdds.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return serverFailure(pg)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database has sent nothing for too long, though the connection to it stands.",
			Hint: "Look at the load of the database, and at the network and the pooler between it and this machine."}
	}
	// The driver's text names host, user and database, on several lines.
	cause := errors.New(strings.Join(strings.Fields(err.Error()), " "))
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database does not answer, or the connection to it was lost.",
		Hint: "Check that PostgreSQL runs and can be reached from here.", Err: cause}
}

// serverFailure maps SQLSTATE (PostgreSQL manual, appendix A).
func serverFailure(pg *pgconn.PgError) error {
	const check = "cdds source check compares the mapping with the database."
	invalid := func(message, hint string) error {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: message, Hint: hint}
	}
	class := pg.Code[:min(2, len(pg.Code))]
	switch {
	case class == "28":
		return invalid("The source database refused the sign-in (wrong user or password).", "Correct the user and the password of the source's DSN.")
	case pg.Code == "3D000":
		return invalid("The source server has no such database.", "Correct the database's name in the source's DSN.")
	case pg.Code == "42501":
		return invalid("The source's role lacks a right: "+pg.Message+".", "Grant SELECT on the tables to the role. "+check)
	case pg.Code == "42P01", pg.Code == "42703", pg.Code == "3F000":
		return invalid("The source lacks a table or a column: "+pg.Message+".", check)
	case class == "42":
		return invalid("The source's columns do not fit: "+pg.Message+".", check)
	case pg.Code == "22021", pg.Code == "22P05":
		return invalid("The source holds a text that is no valid UTF-8.", "Its database declares no encoding, or one that the text does not keep to. Give a view that converts the text, and name the view in the mapping file.")
	case strings.HasPrefix(pg.Code, "57P"):
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database was stopped or is just starting.", Hint: "Wait until it is up. If nobody has restarted it, look at its log."}
	case class == "53":
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database lacks connections, memory or disk space (error " + pg.Code + ").", Hint: "Look at the database's log and at its limits."}
	case pg.Code == "57014":
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database stopped a statement that took too long.", Hint: "Look at the load of the database and at the indexes on the key (start date, id)."}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source database reported error " + pg.Code + ".", Hint: "Look at the database's log."}
}
