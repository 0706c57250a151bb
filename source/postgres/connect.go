package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdds"
	"cdds/source"
)

// Options are the settings of a source; the zero value has sensible ones.
type Options struct {
	Mapping          source.Mapping
	ApplicationName  string        // how connections show in pg_stat_activity; default cdds
	MaxConns         int32         // most connections to one server at a time, of all nodes together; default 4
	StatementTimeout time.Duration // longest statement, progress or not; default 1 hour
	LockTimeout      time.Duration // longest wait for a lock; default 1 minute
	IdleTimeout      time.Duration // longest idle transaction; default 10 minutes
	StallTimeout     time.Duration // longest wait for a sign of life of the server; default 10 minutes
	ConnectTimeout   time.Duration // for each address of the DSN; default 10 seconds
	ExactCount       int64         // most records that Count counts one by one; default 500,000
}

const (
	defaultConns = 4
	// cancelTime bounds how long a canceled statement may go on when the server
	// does not react to the request to cancel it; the connection is closed then.
	cancelTime = 2 * time.Second
	// idleTime is how long a connection is kept that nobody uses. Its place is
	// free for other nodes after that.
	idleTime = 5 * time.Second
)

// Open prepares a source. It connects at the first use, so that a database
// that is down does not keep the service from starting.
func Open(ctx context.Context, dsn string, o Options) (*Source, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil || strings.Contains(cfg.ConnConfig.Host, "@") {
		// The parser's own text may repeat the DSN, password and all. A host with
		// an at sign is the end of a password.
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The source's DSN cannot be read.",
			Hint: "Write it as postgres://user:password@host:port/database; in the password, write @ as %40, / as %2F and % as %25."}
	}
	cfg.MaxConns = orDefault(o.MaxConns, defaultConns)
	cfg.MaxConnIdleTime, cfg.HealthCheckPeriod = idleTime, idleTime
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return takePlace(ctx, conn, cfg.MaxConns) }
	cfg.ConnConfig.ConnectTimeout = orDefault(o.ConnectTimeout, 10*time.Second)
	cfg.ConnConfig.DialFunc = dialer(orDefault(o.StallTimeout, 10*time.Minute))
	// Each statement is planned for its own window, and no prepared statement
	// stays behind.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	// The server is asked to stop, since it would not notice for long that
	// nobody listens.
	cfg.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTime}
	}
	if severalHosts(cfg.ConnConfig) && !asksForRole(dsn) {
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPreferStandby
	}
	for key, value := range session(o) {
		cfg.ConnConfig.RuntimeParams[key] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the source: %w", err)
	}
	return &Source{pool: pool, name: orDefault(o.ApplicationName, "cdds"), mapping: o.Mapping, exact: orDefault(o.ExactCount, 500_000)}, nil
}

// session returns the settings under which the server reads.
func session(o Options) map[string]string {
	return map[string]string{
		"application_name":                    orDefault(o.ApplicationName, "cdds"),
		"default_transaction_read_only":       "on",
		"timezone":                            "UTC",
		"client_encoding":                     "UTF8",
		"statement_timeout":                   milliseconds(orDefault(o.StatementTimeout, time.Hour)),
		"lock_timeout":                        milliseconds(orDefault(o.LockTimeout, time.Minute)),
		"idle_in_transaction_session_timeout": milliseconds(orDefault(o.IdleTimeout, 10*time.Minute)),
		// A node that has died without a word gives its places back in a minute.
		"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
		"jit":                             "off",
		"max_parallel_workers_per_gather": "0",
		"random_page_cost":                "1.1", // prefer the key's index to a join over whole tables
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func orDefault[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}

// severalHosts reports whether the DSN names more than one address. A fallback
// to the same address is another way to encrypt.
func severalHosts(cfg *pgx.ConnConfig) bool {
	return slices.ContainsFunc(cfg.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != cfg.Host || f.Port != cfg.Port })
}

// asksForRole reports whether somebody has said which of the servers is wanted.
func asksForRole(dsn string) bool {
	return strings.Contains(dsn, "target_session_attrs") || os.Getenv("PGTARGETSESSIONATTRS") != ""
}

// maxName is the longest application_name that a server keeps, in bytes.
const maxName = 63

// nameOf is how the connection of an errand shows in pg_stat_activity.
func (s *Source) nameOf(e source.Errand) string {
	if e.Run == "" {
		return s.name
	}
	name := s.name + " run " + e.Run
	for len(name) > maxName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return name
}

// errNoPlace says that as many connections are open as there may be.
var errNoPlace = errors.New("all connections that the source allows are in use")

// placeLocks is the first number of the advisory locks that are the places of a
// source's connections: "cdds" in ASCII.
const placeLocks = 0x63646473

// takePlace takes one of the places that all nodes share, as an advisory lock of
// the connection's own session at the source. So a place is free again when its
// connection ends, however that happens, and the count needs no table, no clock
// and no connection among the nodes. A role that may only read, on a standby
// too, may take such locks.
func takePlace(ctx context.Context, conn *pgx.Conn, places int32) error {
	const take = "select place from generate_series(1, $2::int) place where pg_try_advisory_lock($1, place) limit 1"
	var place int32
	err := conn.QueryRow(ctx, take, placeLocks, places).Scan(&place)
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoPlace
	}
	return err
}

// How long to wait for a connection: a run waits as long as it lasts, a person
// who looks at a page does not.
const (
	forever  = time.Duration(1<<63 - 1)
	patience = 10 * time.Second
)

// acquire returns a connection, and waits while all are in use.
func (s *Source) acquire(ctx context.Context, patience time.Duration) (*pgxpool.Conn, error) {
	errand := source.ErrandOf(ctx)
	busy := fmt.Sprintf("Waiting for a connection to the source: all %d that it allows are in use.", s.pool.Config().MaxConns)
	stat := s.pool.Stat()
	told := stat.AcquiredConns() >= stat.MaxConns()
	if told {
		errand.Waiting(busy)
	}
	defer func() {
		if told {
			errand.Waiting("")
		}
	}()
	bounded, cancel := context.WithTimeoutCause(ctx, patience, s.busy())
	defer cancel()
	for {
		conn, err := s.pool.Acquire(bounded)
		if !errors.Is(err, errNoPlace) {
			return conn, failure(bounded, err)
		}
		if !told {
			told = true
			errand.Waiting(busy)
		}
		// The nodes look at different moments.
		select {
		case <-bounded.Done():
			return nil, context.Cause(bounded)
		case <-time.After(time.Second/2 + rand.N(time.Second)):
		}
	}
}

// busy is the error for somebody who does not wait for a connection any longer.
func (s *Source) busy() error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: fmt.Sprintf("All %d connections that the source allows are in use by runs.", s.pool.Config().MaxConns),
		Hint: "Try again later, or allow more with --source-connections.", Err: errNoPlace}
}
