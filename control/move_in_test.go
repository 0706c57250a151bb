package control_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// emptyHouse is a migrated PostgreSQL database that nobody has used.
func emptyHouse(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.Context(), postgres.Database(t))
	noError(t, err)
	t.Cleanup(func() { noError(t, st.Close()) })
	noError(t, control.Migrate(t.Context(), st))
	log := slog.New(slog.DiscardHandler)
	q, err := queue.Open(queue.Config{DB: st.DB(), Postgres: true, Log: log, Now: func() time.Time { return now }}, nil)
	noError(t, err)
	return &world{Control: control.New(control.Config{Store: st, Queue: q, Log: log}), st: st, queue: q}
}

// TestMoveIn moves runs that wait, one in progress, one whose ranges others hold,
// one that waits for its next attempt, and an artifact whose file was lost on the
// way.
func TestMoveIn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	old, to := newWorld(t, store.SQLite), emptyHouse(t)
	start := func(title string, at time.Time) cdds.Run {
		s := spec()
		s.Title = title
		return got(old.StartRun(ctx, old.ann, old.create(t, s).ID, control.Once{}, at))(t)
	}
	done := start("done", now)
	lost := old.finish(t, done)
	working, retried, waiting := start("works", now), start("retried", now), start("waits", now)
	old.begin(t, working, 1)
	old.begin(t, retried, 1)
	noError(t, old.st.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.NextAttempt(ctx, store.Retry{RunID: retried.ID, Attempt: 1, Fault: true, Error: "It broke.", Now: now, LeaseUntil: at(time.Minute)})
		return err
	}))
	cut := old.cutRun(t)
	to.ann = old.ann
	in := old.signIn(t, annSigns(true))
	move := control.Move{From: old.st, ID: "move-1", Damaged: []control.DamagedArtifact{{Artifact: lost, Damage: control.Missing}}}

	broken := errors.New("the mark cannot be written")
	move.Ready = func() error { return broken }
	if _, err := to.MoveIn(ctx, move, at(time.Hour)); !errors.Is(err, broken) {
		t.Errorf("a move that is not ready: %v", err)
	}
	equal(t, "tenants after a move that was not ready", len(got(to.st.Tenants(ctx))(t)), 0)
	equal(t, "has moved in", got(to.HasMovedIn(ctx, "move-1"))(t), false)
	move.Ready = func() error { return nil }
	got(to.MoveIn(ctx, move, at(time.Hour)))(t)
	equal(t, "has moved in", got(to.HasMovedIn(ctx, "move-1"))(t), true)
	equal(t, "another has moved in", got(to.HasMovedIn(ctx, "move-2"))(t), false)

	for _, want := range []struct {
		run             cdds.Run
		attempt, faults int
	}{{working, 2, 0}, {retried, 2, 1}, {waiting, 1, 0}} {
		title := want.run.Spec.Title
		now := got(to.st.RunByID(ctx, want.run.ID))(t)
		equal(t, "attempt of "+title, now.Attempt, want.attempt)
		equal(t, "faults of "+title, now.Faults, want.faults)
		equal(t, "tasks of "+title, to.tasks(t, want.run.ID, want.attempt), 1)
		equal(t, "tasks of an attempt before, of "+title, to.tasks(t, want.run.ID, want.attempt-1), 0)
	}
	first := got(to.st.Ranges(ctx, cut.ID))(t)[0]
	equal(t, "a range that was held", []any{first.State, first.Faults, first.Parts}, []any{store.RangeOpen, 0, 1})
	equal(t, "tasks of a finished run", to.tasks(t, done.ID, 1), 0)
	to.begin(t, got(to.st.RunByID(ctx, working.ID))(t), 2)
	to.signedIn(t, "a session from before", in.Secret, now, true)
	equal(t, "damage", got(to.st.Artifact(ctx, lost.TenantID, lost.ID))(t).Damage, control.Missing)
	for _, tenant := range []string{old.ann.User.TenantID, old.bob.User.TenantID, store.NoTenant} {
		equal(t, "audit lines", len(got(to.st.Audit(ctx, store.AuditQuery{TenantID: tenant, Action: "metadata.move"}))(t).Items), 1)
		equal(t, "break of the chain", got(to.st.CheckChain(ctx, tenant, nil))(t).Broken, nil)
	}
}
