package store

import (
	"context"
	"time"
)

// Download is who fetched an artifact, and when.
type Download struct {
	ArtifactID string
	Name       string // the file's name
	Username   string // as it was then
	Address    string // the client's network address
	At         time.Time
}

// Downloads returns at most limit downloads of a run's artifacts, newest
// first, as the audit log has them.
func (r Reader) Downloads(ctx context.Context, tenantID, runID string, limit int) ([]Download, error) {
	return all(ctx, r.from, "list the downloads", func(row scanner) (Download, error) {
		var d Download
		err := row.Scan(&d.ArtifactID, &d.Name, &d.Username, &d.Address, (*instant)(&d.At))
		return d, err
	}, `SELECT f.id, f.name, a.username, a.address, a.at
		FROM artifacts f JOIN audit a ON a.tenant_id = f.tenant_id AND a.object = f.id AND a.action = 'artifact.download' AND a.result = 'done'
		WHERE f.tenant_id = $1 AND f.run_id = $2 ORDER BY a.at DESC, a.id DESC LIMIT $3`, tenantID, runID, limit)
}
