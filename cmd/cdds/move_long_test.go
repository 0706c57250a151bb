//go:build long

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The rows of a large installation: years of a busy one.
const (
	manyAuditLines = 1_000_000
	manyRuns       = 100_000
	manyArtifacts  = 100_000
	manyWaiting    = 5_000
)

// moveMemory bounds what the move of a large installation may take, in bytes.
const moveMemory = 256 << 20

// TestMoveManyRows moves a large installation as a process, and prints how long
// the old service has to stand still for it, and the memory that it took.
func TestMoveManyRows(t *testing.T) {
	data, out, _ := small(t)
	numbers := func(n int) string {
		return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, n)
	}
	changed(t, "sqlite:"+filepath.Join(data, "cdds.db"),
		numbers(manyAuditLines)+`INSERT INTO audit (tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash)
			SELECT t.id, 1000 + i, 'user', 'ann', '', 'job.edit', 'object-' || i, 'some detail of the line', 'done', 1, '192.0.2.7', 'ann', i, '`+strings.Repeat("0", 64)+`' FROM n, tenants t`,
		numbers(manyRuns)+`INSERT INTO runs SELECT 'run-' || i, r.tenant_id, r.job_id, r.owner_id, r.title, r.title_lower, r.source, r.type, r.spec, CASE WHEN i <= 5000 THEN 'queued' ELSE 'finished' END, 'manual',
			r.scheduled_for + i, r.due_at + i, r.window_start, r.window_end, r.window_frozen, 1, 0, NULL, NULL, NULL, r.created_at + i, r.started_at, CASE WHEN i <= 5000 THEN NULL ELSE r.finished_at END,
			r.updated_at + i, 7, 7, 700, 3.5, 0, NULL, NULL, NULL, NULL, 1, 70, '', NULL FROM n, (SELECT * FROM runs LIMIT 1) r`,
		numbers(manyArtifacts)+`INSERT INTO artifacts SELECT 'artifact-' || i, a.tenant_id, 'run-' || i, a.job_id, a.title, a.title_lower, a.type, a.name, a.key || i, 1, 1, a.size, a.sha256, a.recipients,
			a.created_at, a.expires_at, NULL, NULL, NULL, NULL, a.encryption FROM n, (SELECT * FROM artifacts LIMIT 1) a`,
		`INSERT INTO manifests SELECT 'run-' || substr(a.id, 10), a.tenant_id, m.body FROM artifacts a, (SELECT body FROM manifests LIMIT 1) m WHERE a.id LIKE 'artifact-%'`,
	)
	dsn := servers.Database(t)
	cmd := self(t, 0o077, nil, "migrate", "--from", data, "--database", dsn, "--output", "json")
	began := time.Now()
	text, err := cmd.Output()
	took := time.Since(began)
	must(t, err)
	var report moveReport
	must(t, json.Unmarshal(text, &report))
	rows := int64(0)
	for _, n := range report.Tables {
		rows += n
	}
	if report.Tables["audit"] < manyAuditLines || report.Tables["runs"] < manyRuns || report.Tables["artifacts"] < manyArtifacts {
		t.Errorf("moved %v", report.Tables)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the process has no account of its memory")
	}
	peak := usage.Maxrss << 10
	t.Logf("%d rows in %s, %.0f a second; %d runs were enqueued; %d MiB of memory, %s of CPU time",
		rows, took.Round(100*time.Millisecond), float64(rows)/took.Seconds(), manyWaiting, peak>>20, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(100*time.Millisecond))
	if peak > moveMemory {
		t.Errorf("the move took %d MiB, over %d", peak>>20, moveMemory>>20)
	}
	c := serve(t, "--data", t.TempDir(), "--database", dsn, "--artifacts", filepath.Join(data, "artifacts"), "--source", "sqlite:"+out.Source, "--role", "api").signIn(t, out.Username, out.Password)
	var runs list[runAnswer]
	if c.ok("GET", "/runs?state=queued&limit=1", nil, &runs); runs.Total != manyWaiting {
		t.Errorf("%d runs are queued", runs.Total)
	}
}
