//go:build long

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdds/store"
)

// rangeNodes is an installation of several nodes over PostgreSQL and one folder.
type rangeNodes struct {
	history  string
	metadata string
	out      demoOutput
	files    string
	data     string
}

// newRangeNodes makes a history of 24,000 interactions of 2 KB, which is read at
// 4,000 a second by each node, and a metadata database with a user.
func newRangeNodes(t *testing.T) *rangeNodes {
	history, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select lpad(n::text, 10, '0'), 101, 7, 'webform', 'Inbound', 3, timestamptz '2020-01-01Z' + n * interval '1 minute',
			(select string_agg(md5(n::text || '-' || k::text), ' ') from generate_series(1, 60) k)
		from generate_series(1, 24000) n;
		insert into attachment (id, entityid, tenantid, thename, mimetype, thesize, createddate, content)
		select 'a' || id, id, 101, 'a.txt', 'text/plain', 3, startdate, 'abc' from interaction where id like '%00';
		analyze`)
	must(t, err)
	n := &rangeNodes{history: history, metadata: servers.Database(t), files: t.TempDir()}
	n.data, n.out = demo(t, "--interactions", "10", "--contacts", "5")
	metadata := []string{"--data", n.data, "--database", n.metadata}
	commandOK(t, "", append([]string{"migrate"}, metadata...)...)
	commandOK(t, n.out.Password, append([]string{"user", "add", n.out.Username, "--tenant", n.out.Tenant, "--tenant-id", "101", "--role", "administrator", "--password-stdin"}, metadata...)...)
	return n
}

// node starts another node.
func (n *rangeNodes) node(t *testing.T, roles string) *process {
	t.Helper()
	return start(t, 0o022, nil, "--data", t.TempDir(), "--database", n.metadata, "--source", n.history, "--artifacts", "file://"+n.files,
		"--role", roles, "--workers", "1", "--range-records", "2000", "--source-rows-per-second", "4000", "--source-connections", "20")
}

// holder waits until a helper holds a range of which a part is kept, and returns
// the process that it is.
func holder(t *testing.T, st *store.Store, runID string, nodes ...*process) *process {
	t.Helper()
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var name string
		err := st.DB().QueryRowContext(t.Context(), "select coalesce(max(node), '') from run_ranges where run_id = $1 and state = 'taken' and helper and parts > 0", runID).Scan(&name)
		must(t, err)
		for _, p := range nodes {
			if name != "" && strings.Contains(p.said(), "node="+name) {
				return p
			}
		}
	}
	t.Fatal("no helper has stored a part")
	return nil
}

// TestNodesShareARun has three nodes export a split run, kills the scheduler's and
// one that helps, and starts another one: the records are those of the database,
// and the artifacts are there once.
func TestNodesShareARun(t *testing.T) {
	n := newRangeNodes(t)
	clock := n.node(t, "api,scheduler")
	first, second := n.node(t, "api,worker"), n.node(t, "api,worker")
	st, err := store.Open(t.Context(), n.metadata)
	must(t, err)
	defer func() { must(t, st.Close()) }()
	c := first.signIn(t, n.out.Username, n.out.Password)
	certificate, err := os.ReadFile(n.out.Certificate)
	must(t, err)
	c.ok("PUT", "/me/certificate", certificate, nil)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"splitSize": 1 << 20}), &job)

	lost := holder(t, st, job.LatestRun.ID, first, second)
	lost.kill()
	clock.kill()
	t.Logf("killed the scheduler and the helper")
	third := n.node(t, "all")
	c = third.signIn(t, n.out.Username, n.out.Password)
	r := finished(t, c.awaitWithin(job.LatestRun.ID, 3*time.Minute))
	if len(r.Attempts) != 1 {
		t.Errorf("the run took %d attempts; its coordinator was not lost", len(r.Attempts))
	}
	n.judge(t, c, r)
}

// judge compares what a run made with the database.
func (n *rangeNodes) judge(t *testing.T, c *client, r runAnswer) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), n.history)
	must(t, err)
	defer db.Close(context.Background())
	dir := t.TempDir()
	files := c.artifacts(r.ID)
	for i, a := range files {
		if a.Part != i+1 || a.Parts != len(files) {
			t.Errorf("%s is part %d of %d, and the %dth of %d", a.Name, a.Part, a.Parts, i+1, len(files))
		}
		openArtifact(t, c.download(a, "der", dir), n.out.Key, dir)
	}
	j := &judge{db: db, known: map[string]string{}}
	j.compare(t, "interaction", interactionQuery("true"), filepath.Join(dir, "Interaction-[0-9a-f]*.json"))
	j.compare(t, "attachment", attachmentQuery("true"), filepath.Join(dir, "Interaction-Attachment-*.json"))
	stored, err := filepath.Glob(filepath.Join(n.files, "tenants", "*", "runs", r.ID, "*", "*"))
	must(t, err)
	if len(stored) != len(files) {
		t.Errorf("%d files are stored for %d artifacts", len(stored), len(files))
	}
	t.Logf("%d artifacts of %d records", len(files), r.Progress.Records)
}
