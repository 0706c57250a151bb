package store

import (
	"context"
	"time"

	"cdds"
)

// ArtifactsAfter returns at most limit artifacts of all tenants that have not
// expired, by id, beginning after the given one; "" is the first.
func (r Reader) ArtifactsAfter(ctx context.Context, id string, limit int) ([]cdds.Artifact, error) {
	return all(ctx, r.from, "list the stored artifacts", scanArtifact,
		`SELECT `+artifactColumns+` FROM artifacts a WHERE a.id > $1 AND a.expired_at IS NULL ORDER BY a.id LIMIT $2`, id, limit)
}

// NextToVerify returns the artifact of any tenant whose bytes were compared
// with their checksum the longest ago, or never, among those that come after
// the given one in this order and were not compared since the given instant.
// The zero artifact is the beginning. CodeNotFound when there is none.
func (r Reader) NextToVerify(ctx context.Context, after cdds.Artifact, since time.Time) (cdds.Artifact, error) {
	var checked int64
	if !after.VerifiedAt.IsZero() {
		checked = after.VerifiedAt.UnixMicro()
	}
	return one(ctx, r.from, "artifact to verify", scanArtifact, `
		SELECT `+artifactColumns+` FROM artifacts a
		WHERE a.expired_at IS NULL AND (COALESCE(a.verified_at, 0), a.id) > ($1, $2) AND COALESCE(a.verified_at, 0) < $3
		ORDER BY COALESCE(a.verified_at, 0), a.id LIMIT 1`, checked, after.ID, since.UnixMicro())
}

// MarkVerified records that an artifact's bytes were compared with their
// checksum, and what is wrong with them; damage is "" when all is well. The
// instant at which a damage was first seen stays. Where the damage is news the
// artifact's run counts as changed, so that whoever watches it is told. An
// artifact that is gone meanwhile is left alone.
func (t *Tx) MarkVerified(ctx context.Context, a cdds.Artifact, damage string, now time.Time) error {
	var since time.Time
	switch {
	case damage != "" && a.DamagedAt.IsZero():
		since = now
	case damage != "":
		since = a.DamagedAt
	}
	n, err := exec(ctx, t.tx, "mark the artifact as verified",
		`UPDATE artifacts SET verified_at = $2, damaged_at = $3, damage = $4 WHERE id = $1 AND expired_at IS NULL`,
		a.ID, instant(now), instant(since), text(damage))
	if err != nil || n == 0 || damage == a.Damage {
		return err
	}
	_, err = exec(ctx, t.tx, "tell that the run changed", `UPDATE runs SET updated_at = $2 WHERE id = $1`, a.RunID, instant(now))
	return err
}

// LeaseScrub makes a node the one that checks stored artifacts in the
// background, until the given instant. False means that another one is at it.
// It is one statement and a transaction by itself.
func (s *Store) LeaseScrub(ctx context.Context, node string, now, until time.Time) (bool, error) {
	n, err := exec(ctx, s.write, "lease the check of the artifacts", `
		UPDATE scrub SET node = $1, lease_until = $3 WHERE node IS NULL OR node = $1 OR lease_until IS NULL OR lease_until < $2`,
		node, instant(now), instant(until))
	return n == 1, err
}
