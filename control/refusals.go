package control

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cdds"
	"cdds/store"
)

// What bounds the refused attempts in the audit log. Whoever sends a million
// requests writes few lines: equal ones become one line a minute with their
// number, and of a tenant (or of those without one) so many kinds are told apart
// at a time; all others share a line.
const (
	refusalWindow = time.Minute
	refusalKinds  = 25
	flushEvery    = time.Second
	lastFlush     = 5 * time.Second // how long a stop waits for the database
)

// Refusal is an attempt that was not let through.
type Refusal struct {
	By     Caller // with an address at least; its user is the zero one where nobody knows who it was
	Action string // what was tried, as an audit action
	Object string // id of what was meant, or ""
	Reason string // a code or a few words of ours; never what was sent
}

// Refused takes note of a refused attempt and returns at once: the line is
// written later, so that an answer's time tells nothing of it and a full
// database delays nobody.
func (c *Control) Refused(r Refusal, now time.Time) {
	e := r.By.line(r.Action, r.Object)
	e.Detail, e.Result = r.Reason, store.AuditRefused
	c.refusals.note(e, now)
}

// KeepRefusals writes what Refused took note of, once a second, until ctx ends.
func (c *Control) KeepRefusals(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.WriteRefusals(ctx, false, now()); err != nil && ctx.Err() == nil {
				c.log.Warn("refused attempts are not in the audit log yet", "error", err)
			}
		}
	}
}

// EndRefusals writes what is left when no more requests come.
func (c *Control) EndRefusals(ctx context.Context, now time.Time) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	if err := c.WriteRefusals(bounded, true, now); err != nil {
		c.log.Error("refused attempts are missing from the audit log", "error", err)
	}
}

// WriteRefusals writes the refused attempts that are due: the first of a kind at
// once, its repetitions when a minute is over. all writes the rest as well. What
// cannot be written is kept for the next time.
func (c *Control) WriteRefusals(ctx context.Context, all bool, now time.Time) error {
	var errs []error
	for _, lines := range c.refusals.due(all, now) {
		err := c.store.InTx(ctx, func(tx *store.Tx) error {
			for _, e := range lines {
				if err := tx.InsertAudit(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			c.refusals.back(lines)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// refusals counts refused attempts by tenant and kind. A kind is an audit line
// without its time and count.
type refusals struct {
	mutex  sync.Mutex
	chains map[string]map[store.AuditEntry]*tally
}

// tally is how often a kind came since it was written last.
type tally struct {
	times int64
	last  time.Time
	due   time.Time // when it may be written again
}

func newRefusals() *refusals {
	return &refusals{chains: map[string]map[store.AuditEntry]*tally{}}
}

func (r *refusals) note(kind store.AuditEntry, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.add(kind, 1, now)
}

// add counts a kind, or the kind that stands for all others where there are too
// many. The mutex is held.
func (r *refusals) add(kind store.AuditEntry, times int64, last time.Time) {
	kinds := r.chains[kind.TenantID]
	if kinds == nil {
		kinds = map[store.AuditEntry]*tally{}
		r.chains[kind.TenantID] = kinds
	}
	if kinds[kind] == nil && len(kinds) >= refusalKinds {
		kind = store.AuditEntry{TenantID: kind.TenantID, Action: "refused.others", Detail: "more kinds at a time than are told apart", Result: store.AuditRefused}
	}
	t := kinds[kind]
	if t == nil {
		t = &tally{}
		kinds[kind] = t
	}
	t.times += times
	if last.After(t.last) {
		t.last = last
	}
}

// due takes out the lines that are to be written now, by tenant and in the order
// of their times, and forgets the kinds that have not come again.
func (r *refusals) due(all bool, now time.Time) [][]store.AuditEntry {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var out [][]store.AuditEntry
	for tenant, kinds := range r.chains {
		var lines []store.AuditEntry
		for kind, t := range kinds {
			wait := t.due.Sub(now)
			switch {
			case !all && wait > 0 && wait <= refusalWindow: // more: the clock was set back
			case t.times == 0:
				delete(kinds, kind)
			default:
				line := kind
				line.Times, line.At = t.times, t.last
				lines = append(lines, line)
				t.times, t.due = 0, now.Add(refusalWindow)
			}
		}
		if len(kinds) == 0 {
			delete(r.chains, tenant)
		}
		if len(lines) > 0 {
			slices.SortFunc(lines, func(a, b store.AuditEntry) int {
				return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Address, b.Address))
			})
			out = append(out, lines)
		}
	}
	return out
}

// back takes lines again that could not be written.
func (r *refusals) back(lines []store.AuditEntry) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, line := range lines {
		kind, times, last := line, line.Times, line.At
		kind.Times, kind.At = 0, time.Time{}
		r.add(kind, times, last)
		if t := r.chains[kind.TenantID][kind]; t != nil {
			t.due = time.Time{}
		}
	}
}

// refusedSignIn is the caller of a refused sign-in. Where the credentials name
// one user, that tenant's log has the line, with the name that the user has.
// Else it belongs to no tenant, and what was typed is not kept: a password may
// have come into the wrong field.
func refusedSignIn(users []cdds.User, address string) Caller {
	by := Caller{Address: address}
	if len(users) == 1 {
		by.User = users[0]
	}
	return by
}
