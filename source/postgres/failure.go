package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"cdds"
	"cdds/source"
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
		if fault := lastingFault(pg); fault != nil {
			return fault
		}
		return passingFault(pg)
	}
	return networkFault(err)
}

// invalid is the error for what must be mended before a run can work.
func invalid(message, hint string) *cdds.Error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: message, Hint: hint}
}

// lost is the error for what a new connection may cure.
func lost(message, hint string) *cdds.Error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: message, Hint: hint, Err: source.ErrLost}
}

// unavailable is the error for what may be gone at the next attempt.
func unavailable(message, hint string) *cdds.Error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: message, Hint: hint}
}

// sourceCheck is the hint that leads to more.
const sourceCheck = "cdds source check compares the mapping with the database."

// lastingFault maps what does not pass by itself, by SQLSTATE (PostgreSQL
// manual, appendix A), and returns nil for all else.
func lastingFault(pg *pgconn.PgError) error {
	switch {
	case pg.Code == "28P01":
		return invalid("The source database refused the sign-in (wrong user or password).", "Correct the user and the password of the source's DSN.")
	case strings.HasPrefix(pg.Code, "28"):
		return invalid("The source database refused the sign-in: its role does not exist or may not log in, or pg_hba.conf has no line for it from this machine.",
			"Correct the user of the source's DSN, or let the role in; the database's log says which.")
	case pg.Code == "3D000":
		return invalid("The source server has no such database.", "Correct the database's name in the source's DSN.")
	case pg.Code == "42501":
		return invalid("The source's role lacks a right: "+pg.Message+".", "Grant SELECT on the tables to the role. "+sourceCheck)
	case pg.Code == "42P01", pg.Code == "42703", pg.Code == "3F000":
		return invalid("The source lacks a table or a column: "+pg.Message+".", sourceCheck)
	case strings.HasPrefix(pg.Code, "42"):
		return invalid("The source's columns do not fit: "+pg.Message+".", sourceCheck)
	case pg.Code == "22021", pg.Code == "22P05":
		return invalid("The source holds a text that is no valid UTF-8.", "Its database declares no encoding, or one that the text does not keep to. Give a view that converts the text, and name the view in the mapping file.")
	case pg.Code == "08P01" && strings.Contains(pg.Message, "startup parameter"):
		return invalid("A pooler in front of the source refuses the settings that protect it: "+pg.Message+".", "Name the server itself in the source's DSN, or a pooler in session mode that lets these settings through.")
	case pg.Code == "XX001", pg.Code == "XX002":
		return invalid("The source database reports damaged data or a damaged index ("+pg.Code+").", "Look at the database's log, which names the table; REINDEX mends an index, a backup brings data back.")
	}
	return nil
}

// passingFault maps what may be gone at the next try.
func passingFault(pg *pgconn.PgError) error {
	const byItself = "The run goes on by itself when the database is back."
	switch pg.Code {
	case "57014":
		if strings.Contains(pg.Message, "timeout") {
			return unavailable("The source database stopped a statement that took too long (statement_timeout).", "Look at the load of the database and at the indexes on the key (start date, id). "+sourceCheck)
		}
		return unavailable("An administrator of the source database canceled the read.", "Ask them why. A ceiling (--source-rows-per-second) or quiet hours (--source-quiet) make exports milder.")
	case "57P01", "57P02", "57P05":
		return lost("The source database ended the connection: it is being stopped or restarted, or an administrator ended the session.", byItself)
	case "57P03":
		return lost("The source database lets nobody in now: it is starting, stopping or recovering.", byItself)
	case "40001", "40P01":
		return lost("The source's standby canceled the read, since it had to apply changes of its primary (recovery conflict).",
			"Raise max_standby_streaming_delay or set hot_standby_feedback = on at the standby, or export at a quieter time.")
	case "53300":
		return lost("The source database has no free connection (max_connections, or the role's CONNECTION LIMIT).",
			"Close idle sessions, allow more connections there, or lower --source-connections.")
	case "55P03":
		return lost("A table of the source is locked by another session, such as ALTER TABLE or VACUUM FULL.", "Wait for its end; pg_stat_activity shows it. The run is tried again.")
	case "25P03":
		return lost("The source database ended a transaction that stood idle, since the records were not taken in time.", "Look whether the artifact storage is slow or full.")
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08":
		return lost("The connection to the source database broke ("+pg.Code+").", "Look at the network and at poolers between here and PostgreSQL.")
	case "53", "58":
		return unavailable("The source server is short of memory or disk space, or its disk fails ("+pg.Code+").", "Look at the server and at the database's log.")
	}
	return unavailable("The source database reported error "+pg.Code+".", "Look at the database's log.")
}

// networkFault maps what came from the way to the server. The driver's text
// names host, user and database, on several lines.
func networkFault(err error) error {
	cause := errors.New(strings.Join(strings.Fields(err.Error()), " "))
	fault := lost("The connection to the source database was lost.", "Look at the network, and whether PostgreSQL runs. The run goes on by itself when it is back.")
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &certificate):
		fault = invalid("The TLS certificate of the source's server is not accepted.", "Give the authority's certificate with sslrootcert in the DSN, and the host's name as the certificate has it.")
		fault.Err = cause
		return fault
	case errors.As(err, &name):
		fault.Message, fault.Hint = "The source's server cannot be found by its name.", "Correct the host of the source's DSN, or look at the name service of this machine."
	case errors.Is(err, syscall.ECONNREFUSED):
		fault.Message, fault.Hint = "The source database does not answer: nothing listens at its address.", "Look whether PostgreSQL runs, and at host and port of the source's DSN."
	case errors.Is(err, os.ErrDeadlineExceeded):
		fault.Message, fault.Hint = "The source database has sent nothing for too long, though the connection to it stands.", "Look at the load of the database, and at the network and the pooler between it and this machine."
	case pgconn.Timeout(err):
		fault.Message, fault.Hint = "The source database does not answer in time.", "Look at the network and the firewalls between here and the server, and at its load."
	case errors.As(err, &connect):
		fault.Message, fault.Hint = "The source database does not answer.", "Check that PostgreSQL runs and can be reached from here."
	}
	fault.Err = fmt.Errorf("%w: %w", source.ErrLost, cause)
	return fault
}
