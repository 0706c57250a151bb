package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// How the stored artifacts are checked.
const (
	scrubAgain = 7 * 24 * time.Hour // after which a file is checked again
	scrubIdle  = time.Minute        // between two looks for one that is due
	scrubLease = time.Minute
	scrubRenew = 10 * time.Second
	// scrubLeast is what a small file counts at least, so that a storage of
	// very many small ones is not checked in a rush of transactions either.
	scrubLeast = 1 << 20
)

// errOtherNode ends a check because another node has gone on with them.
var errOtherNode = errors.New("another node checks the artifacts")

// ScrubConfig is what a Scrub works with.
type ScrubConfig struct {
	Store   *store.Store
	Control *control.Control
	Node    string // names the process; over all nodes one checks at a time
	Rate    int64  // bytes in a second
	Now     func() time.Time
	Log     *slog.Logger
}

// Scrub reads the stored artifacts again, slowly and one by one, and marks
// those whose bytes are no longer what was written. Its methods are called from
// one goroutine.
type Scrub struct {
	cfg     ScrubConfig
	limit   *rate.Limiter
	after   cdds.Artifact // the last one that was looked at
	renewed time.Time
}

// NewScrub returns a Scrub.
func NewScrub(cfg ScrubConfig) *Scrub {
	return &Scrub{cfg: cfg, limit: rate.NewLimiter(rate.Limit(cfg.Rate), scrubLeast)}
}

// Run checks what is due until ctx ends. A file that cannot be read, or a
// storage that does not answer, is logged; the next file has its turn after a
// pause.
func (s *Scrub) Run(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := s.Step(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("a stored artifact could not be checked; the check goes on with the next one", "error", err)
		}
		if more && err == nil {
			continue
		}
		wait := time.NewTimer(scrubIdle)
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
}

// Step checks the artifact that was checked the longest ago. False means that
// none is due, or that another node is at it.
func (s *Scrub) Step(ctx context.Context) (bool, error) {
	now := s.cfg.Now()
	a, err := s.cfg.Store.NextToVerify(ctx, s.after, now.Add(-scrubAgain))
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		s.after = cdds.Artifact{}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := s.lease(ctx); err != nil {
		return false, ignore(err, errOtherNode)
	}
	s.after = a
	if err := s.check(ctx, a, now); err != nil {
		return false, ignore(err, errOtherNode)
	}
	return true, nil
}

// ignore returns err unless it is the one that is no failure.
func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// lease makes the check this node's own for the next minute. It writes no more
// often than it has to.
func (s *Scrub) lease(ctx context.Context) error {
	now := s.cfg.Now()
	if since := now.Sub(s.renewed); since >= 0 && since < scrubRenew {
		return nil
	}
	mine, err := s.cfg.Store.LeaseScrub(ctx, s.cfg.Node, now, now.Add(scrubLease))
	if err == nil && !mine {
		err = errOtherNode
	}
	if err != nil {
		return err
	}
	s.renewed = now
	return nil
}

// check reads one artifact at the given rate and records what was found.
func (s *Scrub) check(ctx context.Context, a cdds.Artifact, now time.Time) error {
	read := 0
	damage, err := s.cfg.Control.CheckArtifact(ctx, a, func(n int) error {
		read += n
		if err := s.lease(ctx); err != nil {
			return err
		}
		return s.limit.WaitN(ctx, n)
	})
	if err == nil && damage == control.Missing {
		err = s.mounted(ctx)
	}
	if err != nil {
		return fmt.Errorf("check artifact %s: %w", a.ID, err)
	}
	if err := s.limit.WaitN(ctx, max(scrubLeast-read, 0)); err != nil {
		return err
	}
	if err := s.cfg.Control.MarkChecked(ctx, a, damage, now); err != nil {
		return err
	}
	if damage != "" && a.Damage == "" {
		s.cfg.Log.Error("a stored artifact is damaged", "artifact", a.ID, "run", a.RunID, "tenant", a.TenantID, "damage", damage)
	}
	return nil
}

// mounted refuses to take files for lost when the storage is empty altogether:
// it may be a disk that is not mounted. A person who knows better says so with
// "cdds verify", which marks them.
func (s *Scrub) mounted(ctx context.Context) error {
	empty, err := s.cfg.Control.StorageEmpty(ctx)
	if err == nil && empty {
		err = &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage is empty, though it should hold files.",
			Hint: "Look whether its disk is mounted and --artifacts is right. If the files are lost, run \"cdds verify\", which marks them."}
	}
	return err
}
