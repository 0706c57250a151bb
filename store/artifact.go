package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cdds"
)

const artifactColumns = `a.id, a.tenant_id, a.run_id, a.job_id, a.title, a.type, a.name, a.key, a.part, a.parts, a.size, a.sha256,
	a.recipients, a.encryption, a.created_at, a.expires_at, a.expired_at, a.verified_at, a.damaged_at, a.damage`

func scanArtifact(row scanner) (cdds.Artifact, error) {
	var a cdds.Artifact
	var recipients string
	err := row.Scan(&a.ID, &a.TenantID, &a.RunID, &a.JobID, &a.Title, &a.Type, &a.Name, &a.Key, &a.Part, &a.Parts, &a.Size, &a.SHA256,
		&recipients, &a.Encryption, (*instant)(&a.CreatedAt), (*instant)(&a.ExpiresAt), (*instant)(&a.ExpiredAt),
		(*instant)(&a.VerifiedAt), (*instant)(&a.DamagedAt), (*text)(&a.Damage))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(recipients), &a.Recipients); err != nil {
		return a, fmt.Errorf("read the artifact's recipients: %w", err)
	}
	return a, nil
}

// Artifact returns an artifact of the tenant, also one that has expired, or
// CodeNotFound.
func (r Reader) Artifact(ctx context.Context, tenantID, id string) (cdds.Artifact, error) {
	return one(ctx, r.from, "artifact", scanArtifact, `SELECT `+artifactColumns+` FROM artifacts a WHERE a.id = $1 AND a.tenant_id = $2`, id, tenantID)
}

// ArtifactQuery asks for a page of a tenant's artifacts that have not expired.
// Empty filters let all pass. Sort keys: createdAt (default "-createdAt"),
// expiresAt, title, type, name, size.
type ArtifactQuery struct {
	TenantID string
	Text     string // part of the title (in any case) or of the file name, or the beginning of an id
	JobID    string
	RunID    string
	Types    []string
	Paging
}

// Artifacts returns a page of a tenant's artifacts, without expired ones.
func (r Reader) Artifacts(ctx context.Context, q ArtifactQuery) (Page[cdds.Artifact], error) {
	f := &filter{}
	f.and("a.tenant_id = " + f.arg(q.TenantID))
	f.and("a.expired_at IS NULL")
	f.equal("a.job_id", q.JobID)
	f.equal("a.run_id", q.RunID)
	f.in("a.type", q.Types)
	f.search(q.Text, "a.id", "a.title_lower", "a.name")
	return page(ctx, r.from, listing[cdds.Artifact]{
		what:    "artifacts",
		columns: artifactColumns,
		from:    `artifacts a`,
		counted: `artifacts a`,
		filter:  f,
		keys: []sortKey{
			{"createdAt", "a.created_at", true}, {"expiresAt", "a.expires_at", true}, {"title", "a.title_lower", false},
			{"type", "a.type", false}, {"name", "a.name", false}, {"size", "a.size", true},
		},
		sort: "-createdAt",
		id:   sortKey{"id", "a.id", false},
		scan: scanArtifact,
	}, q.Paging)
}

// ArtifactsOfRun returns the artifacts of a run by part, also expired ones.
func (r Reader) ArtifactsOfRun(ctx context.Context, runID string) ([]cdds.Artifact, error) {
	return all(ctx, r.from, "list the run's artifacts", scanArtifact,
		`SELECT `+artifactColumns+` FROM artifacts a WHERE a.run_id = $1 ORDER BY a.part`, runID)
}

// ExpiredArtifacts returns at most limit artifacts of all tenants whose
// retention has ended at now and whose bytes are still there, oldest first.
func (r Reader) ExpiredArtifacts(ctx context.Context, now time.Time, limit int) ([]cdds.Artifact, error) {
	return all(ctx, r.from, "look for expired artifacts", scanArtifact, `
		SELECT `+artifactColumns+` FROM artifacts a
		WHERE a.expires_at <= $1 AND a.expired_at IS NULL ORDER BY a.expires_at, a.id LIMIT $2`, instant(now), limit)
}

// MarkExpired records that an artifact's bytes are gone. False means that they
// were gone before.
func (t *Tx) MarkExpired(ctx context.Context, artifactID string, now time.Time) (bool, error) {
	n, err := exec(ctx, t.tx, "mark the artifact as expired",
		`UPDATE artifacts SET expired_at = $2 WHERE id = $1 AND expired_at IS NULL`, artifactID, instant(now))
	return n == 1, err
}

func (t *Tx) insertArtifact(ctx context.Context, a cdds.Artifact) error {
	recipients, err := json.Marshal(a.Recipients)
	if err != nil {
		return failure("write the artifact's recipients", err)
	}
	_, err = exec(ctx, t.tx, "add the artifact", `
		INSERT INTO artifacts (id, tenant_id, run_id, job_id, title, title_lower, type, name, key, part, parts, size, sha256,
			recipients, encryption, created_at, expires_at, expired_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		a.ID, a.TenantID, a.RunID, a.JobID, a.Title, lower(a.Title), string(a.Type), a.Name, a.Key, a.Part, a.Parts, a.Size, a.SHA256,
		string(recipients), string(cmp.Or(a.Encryption, cdds.EncryptionCompatible)), instant(a.CreatedAt), instant(a.ExpiresAt), instant(a.ExpiredAt))
	return err
}
