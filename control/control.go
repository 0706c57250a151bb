// Package control holds what a person or the clock may ask of CDDS, one verb
// per file: create a job, start a run, cancel it, expire an artifact.
//
// A verb lives here when it has a rule, a transaction or an audit line; plain
// reads go from the api straight to store.Reader. Every state change is one
// transaction, together with the queue task that it gives birth to. Rights are
// not decided here (the api does that, once for each request); tenants are: all
// lookups go through the caller's tenant.
//
//	api ──▶ control ─┬─▶ store (rows)      ┐ one transaction
//	scheduler ──▶    └─▶ queue (run, attempt) ┘
package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"

	"cdds"
	"cdds/queue"
	"cdds/store"
	"cdds/telemetry"
)

// Config is what the verbs work with.
type Config struct {
	Store  *store.Store
	Queue  *queue.Queue
	Bucket *blob.Bucket // where artifacts rest
	// Uploads lists what is being uploaded to the bucket; nil where the store
	// forgets by itself what is not finished.
	Uploads Uploads
	Log     *slog.Logger
	// Sessions bounds sign-ins; the zero value stands for the defaults.
	Sessions cdds.SessionLimits
	// SignOnLimit is how long a session by single sign-on lasts.
	SignOnLimit time.Duration
	Probe       *telemetry.Probe
}

// Control carries out the verbs. It is safe for concurrent use.
type Control struct {
	store     *store.Store
	queue     *queue.Queue
	bucket    *blob.Bucket
	uploads   Uploads
	log       *slog.Logger
	passwords *passwords
	refusals  *refusals
	sessions  cdds.SessionLimits
	probe     *telemetry.Probe

	signOnLimit time.Duration
}

// New returns a Control.
func New(cfg Config) *Control {
	if cfg.Sessions == (cdds.SessionLimits{}) {
		cfg.Sessions = cdds.DefaultSessionLimits()
	}
	return &Control{store: cfg.Store, queue: cfg.Queue, bucket: cfg.Bucket, uploads: cfg.Uploads, log: cfg.Log, passwords: newPasswords(), refusals: newRefusals(), sessions: cfg.Sessions, signOnLimit: cfg.SignOnLimit, probe: cfg.Probe}
}

// Caller is who asks, for tenant isolation and the audit log.
type Caller struct {
	User    cdds.User
	Address string // the client's network address, for the audit log
	// Token is the API token that the request came with; nil for a session.
	Token *cdds.Token
	// SessionID names the session that the request came with; "" for a token and
	// for the command line.
	SessionID string
	// SingleSignOn says that the session came by single sign-on.
	SingleSignOn bool
}

// Can reports whether the caller has the right: by the role, and where a token
// was used by its scopes as well.
func (c Caller) Can(a cdds.Action) bool {
	return c.User.Role.Can(a) && (c.Token == nil || c.Token.Can(a))
}

// Once makes a create repeatable without doubling: the same key with the same
// request answers with the object that the first call made. The zero value
// asks for nothing.
type Once struct {
	Key     string
	Request string // hash over method, path and body
}

// newID returns a fresh identifier. Version 7 UUIDs sort by time, which keeps
// index pages of young rows together.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", &cdds.Error{Code: cdds.CodeInternal, Message: "No random numbers for a new id.", Err: err}
	}
	return id.String(), nil
}

// audit writes one line of the audit log within tx, about what tx does. What is
// refused goes through Refused. It is best called last: see store.InsertAudit.
func audit(ctx context.Context, tx *store.Tx, by Caller, action, object, detail string, now time.Time) error {
	e := by.line(action, object)
	e.Detail, e.Result, e.At = detail, store.AuditDone, now
	return tx.InsertAudit(ctx, e)
}

// remember records the idempotency key of a create within its transaction.
func remember(ctx context.Context, tx *store.Tx, by Caller, once Once, objectID string, now time.Time) error {
	if once.Key == "" {
		return nil
	}
	return tx.Remember(ctx, store.IdempotencyRecord{
		UserID: by.User.ID, Key: once.Key, Request: once.Request, ObjectID: objectID, CreatedAt: now,
	})
}

// replay returns the id that an earlier call with the same key made, or "".
// The same key with another request is a conflict.
func (c *Control) replay(ctx context.Context, by Caller, once Once) (string, error) {
	if once.Key == "" {
		return "", nil
	}
	rec, err := c.store.Remembered(ctx, by.User.ID, once.Key)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if rec.Request != once.Request {
		return "", cdds.Conflict("This Idempotency-Key was used for another request.",
			"Use a new key for a new request, and the old key only to repeat the same one.")
	}
	return rec.ObjectID, nil
}

// created runs the transaction of a create under an idempotency key and
// returns the object's id. Two calls at once with one key: the unique index
// lets one through, and the other finds its object.
func (c *Control) created(ctx context.Context, by Caller, once Once, do func(tx *store.Tx) (string, error)) (string, error) {
	if id, err := c.replay(ctx, by, once); id != "" || err != nil {
		return id, err
	}
	var id string
	err := c.store.InTx(ctx, func(tx *store.Tx) error {
		var err error
		id, err = do(tx)
		return err
	})
	if err == nil {
		return id, nil
	}
	if once.Key != "" && cdds.CodeOf(err) == cdds.CodeConflict {
		if first, replayErr := c.replay(ctx, by, once); first != "" || replayErr != nil {
			return first, replayErr
		}
	}
	return "", err
}
