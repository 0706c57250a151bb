package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// loss is an export in parts by three nodes of which two are lost.
type loss struct {
	cluster *cluster
	source  string // DSN
	split   int64  // bytes of a part
	midway  int    // parts that are stored when the nodes are killed
	workers []string
	most    time.Duration // for the whole export
}

// survive exports everything: one node has the API, two have workers, and the
// second of these is the one scheduler. Both are killed as by kill -9 while the
// run is under way, and another node with these roles is started. It returns the
// run, finished.
func (l loss) survive(t *testing.T) runAnswer {
	t.Helper()
	k := l.cluster
	front := k.node("api")
	lost := []*process{k.node("worker", l.workers...), k.node("scheduler,worker", l.workers...)}
	c := k.at(front)
	id := c.runNow(jobBody(object{"splitSize": l.split}))
	k.until("the middle of the export", func() bool {
		return k.count("select count(*) from checkpoints where run_id = $1", id) >= l.midway
	})
	names := []string{k.name(lost[0]), k.name(lost[1])}
	for _, node := range lost {
		node.kill()
	}
	if n := k.count("select count(*) from runs where id = $1 and state = 'in_progress'", id); n != 1 {
		t.Fatal("the run was over before the nodes were lost: make it larger or slower")
	}
	t.Logf("the run is cut into %d ranges, which %d nodes have taken", k.count("select count(*) from run_ranges where run_id = $1", id),
		k.count("select count(distinct node) from run_ranges where run_id = $1 and node <> ''", id))
	stored := k.count("select count(*) from checkpoints where run_id = $1", id)
	var before list[artifactAnswer]
	c.ok("GET", "/artifacts?run="+id, nil, &before)
	if before.Total != 0 {
		t.Errorf("%d artifacts of an unfinished run can be seen", before.Total)
	}
	k.node("scheduler,worker", l.workers...)
	r := finished(t, c.awaitWithin(id, l.most))
	t.Logf("%d records; %d parts were stored when two of three nodes were killed", r.Progress.Records, stored)
	for _, name := range names {
		k.until("a lost node that is shown as silent", func() bool { return k.listedNodes()[name].State == "silent" })
	}
	if n := k.count("select count(*) from checkpoints where run_id = $1", id); n != 0 {
		t.Errorf("%d checkpoints are left of a finished run", n)
	}
	return r
}

// complete fails unless the list of a run's artifacts is complete once, and
// opens all of them into a folder.
func (l loss) complete(t *testing.T, c *client, r runAnswer) string {
	t.Helper()
	files := c.artifacts(r.ID)
	seen := map[string]bool{}
	for i, a := range files {
		if a.Part != i+1 || a.Parts != len(files) || a.Name != fmt.Sprintf("export-%s-%04d.zip.p7m", r.ID, i+1) {
			t.Errorf("artifact %d of %d is part %d of %d, %s", i+1, len(files), a.Part, a.Parts, a.Name)
		}
		if seen[a.SHA256] || a.Size > l.split {
			t.Errorf("%s is there twice, or larger than %d bytes: %d", a.Name, l.split, a.Size)
		}
		seen[a.SHA256] = true
	}
	if len(files) <= l.midway {
		t.Errorf("%d parts", len(files))
	}
	dir := t.TempDir()
	for _, a := range files {
		openArtifact(t, c.download(a, "der", dir), l.cluster.key, dir)
	}
	return dir
}

// randomHistory is a Contact History whose texts do not compress well.
func randomHistory(t testing.TB, n int) string {
	t.Helper()
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01Z'::timestamptz + n * interval '1 minute',
			(select string_agg(md5(n || '-' || m), '') from generate_series(1, 20) m) from generate_series(1, $1) n`, n)
	must(t, err)
	_, err = db.Exec(t.Context(), "analyze")
	must(t, err)
	return dsn
}

// TestThreeNodes loses two nodes of three in the middle of an export. It takes
// most of a minute, nearly all of which is waiting until the lost workers count
// as lost.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	threeNodes(t, nil)
}

// threeNodes is the test with a storage that flags name.
func threeNodes(t *testing.T, env []string, flags ...string) {
	t.Helper()
	const records = 30_000
	source := randomHistory(t, records)
	k := newCluster(t, source, env, flags...)
	// Slow enough to be killed midway, on any machine.
	l := loss{cluster: k, source: source, split: 1 << 20, midway: 2, workers: []string{"--workers", "1", "--source-rows-per-second", "6000", "--range-records", "5000"}, most: waitTime}
	r := l.survive(t)
	if r.Progress.Records != records {
		t.Errorf("the run counts %d records, the database has %d", r.Progress.Records, records)
	}
	dir := l.complete(t, k.at(k.node("api")), r)
	l.judge(t, dir, false)
}

// judge compares all decrypted records with the database, as multisets.
func (l loss) judge(t *testing.T, dir string, attachments bool) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), l.source)
	must(t, err)
	defer db.Close(context.Background())
	judge := &judge{db: db, known: map[string]string{}}
	judge.compare(t, "interaction", interactionQuery("true"), filepath.Join(dir, "Interaction-[0-9a-f]*.json"))
	if attachments {
		judge.compare(t, "attachment", attachmentQuery("true"), filepath.Join(dir, "Interaction-Attachment-*.json"))
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.json")); err != nil || len(files) == 0 || strings.Contains(strings.Join(files, " "), "Attachment") != attachments {
		t.Errorf("%v: %v", files, err)
	}
}
