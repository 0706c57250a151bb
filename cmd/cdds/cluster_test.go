package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is what several nodes share: the metadata in PostgreSQL, a source and
// a place for artifacts.
type cluster struct {
	t        testing.TB
	metadata string // DSN
	key      string // opens what the administrator exports
	env      []string
	flags    []string
	client   *http.Client // the administrator's, at any node
	db       *pgx.Conn    // of the metadata
}

// The administrator of a cluster.
const (
	clusterUser     = "ann"
	clusterPassword = "a-password-of-ann"
)

// newCluster makes an administrator with a certificate; env and flags are of all
// nodes.
func newCluster(t testing.TB, source string, env []string, flags ...string) *cluster {
	t.Helper()
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	k := &cluster{t: t, metadata: servers.Database(t), key: out.Key, env: env}
	k.flags = append([]string{"--database", k.metadata, "--source", source, "--source-connections", "16", "--user-rate", "0"}, flags...)
	if !strings.Contains(strings.Join(flags, " "), "--artifacts") {
		k.flags = append(k.flags, "--artifacts", filepath.Join(t.TempDir(), "artifacts"))
	}
	commandOK(t, clusterPassword, "user", "add", clusterUser, "--data", data, "--database", k.metadata, "--tenant", "T", "--tenant-id", "101", "--role", "administrator", "--password-stdin")
	var err error
	k.db, err = pgx.Connect(t.Context(), k.metadata)
	must(t, err)
	t.Cleanup(func() { must(t, k.db.Close(context.Background())) })
	certificate, err := os.ReadFile(out.Certificate)
	must(t, err)
	jar, err := cookiejar.New(nil)
	must(t, err)
	k.client = &http.Client{Jar: jar, Timeout: waitTime}
	first := k.node("api")
	c := k.at(first)
	c.ok("POST", "/session", object{"username": clusterUser, "password": clusterPassword}, nil)
	spoken.secret("password", clusterPassword)
	c.ok("PUT", "/me/certificate", certificate, nil)
	first.stop()
	return k
}

// node starts a node of some roles. One without the API is found by its metrics.
func (k *cluster) node(roles string, args ...string) *process {
	k.t.Helper()
	message := "listening"
	if roles != "all" && !strings.Contains(roles, "api") {
		message = "serving metrics"
	}
	args = append(append([]string{"--data", k.t.TempDir(), "--role", roles, "--metrics", "127.0.0.1:0"}, k.flags...), args...)
	return launch(k.t, 0o077, k.env, message, args...)
}

// at is the administrator at a node. All nodes of these tests have the same
// host, so that they share its cookies.
func (k *cluster) at(p *process) *client {
	return &client{t: k.t, base: p.url + "/api/v1", http: k.client}
}

// name is a node's name, which its log has.
func (k *cluster) name(p *process) string {
	k.t.Helper()
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, rest, found := strings.Cut(p.said(), `msg="node begins" node=`); found {
			name, _, _ := strings.Cut(rest, " ")
			return name
		}
	}
	k.t.Fatalf("the node does not say its name:\n%s", p.said())
	return ""
}

// listedNodes is what the command line says of the nodes, by name.
func (k *cluster) listedNodes() map[string]listedNode {
	k.t.Helper()
	var nodes []listedNode
	must(k.t, json.Unmarshal([]byte(commandOK(k.t, "", "nodes", "list", "--data", k.t.TempDir(), "--database", k.metadata, "--output", "json")), &nodes))
	byName := map[string]listedNode{}
	for _, n := range nodes {
		byName[n.Name] = n
	}
	return byName
}

// holder waits until an attempt of a run has begun and returns its node.
func (k *cluster) holder(run string, attempt int) string {
	k.t.Helper()
	var node string
	k.until(fmt.Sprintf("attempt %d of run %s", attempt, run), func() bool {
		err := k.db.QueryRow(k.t.Context(), "select node from attempts where run_id = $1 and number = $2", run, attempt).Scan(&node)
		return err == nil
	})
	return node
}

// until waits for something.
func (k *cluster) until(what string, holds func() bool) {
	k.t.Helper()
	for deadline := time.Now().Add(waitTime); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.t.Fatalf("still waiting for: %s", what)
		}
	}
}

// count is a number that the metadata gives.
func (k *cluster) count(query string, args ...any) (n int) {
	k.t.Helper()
	must(k.t, k.db.QueryRow(k.t.Context(), query, args...).Scan(&n))
	return n
}

// numberedHistory is a Contact History with so many interactions, i1, i2, ...
func numberedHistory(t testing.TB, n int) string {
	t.Helper()
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), `insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
		select 'i' || n, 101, 7, 'webform', 'Inbound', 3, '2020-01-01Z'::timestamptz + n * interval '1 minute', 'text ' || n from generate_series(1, $1) n`, n)
	must(t, err)
	return dsn
}

// hasAll opens a run's artifacts and fails unless they hold i1 to iN, each once.
func (k *cluster) hasAll(c *client, run string, n int) {
	k.t.Helper()
	dir := k.t.TempDir()
	for _, a := range c.artifacts(run) {
		openArtifact(k.t, c.download(a, "der", dir), k.key, dir)
	}
	seen := map[string]int{}
	eachLine(k.t, filepath.Join(dir, "Interaction-*.json"), func(_ int, line []byte) {
		var record struct{ IxnID string }
		must(k.t, json.Unmarshal(line, &record))
		seen[record.IxnID]++
	})
	if len(seen) != n {
		k.t.Errorf("run %s has %d records, want %d", run, len(seen), n)
	}
	for i := range n {
		if id := fmt.Sprintf("i%d", i+1); seen[id] != 1 {
			k.t.Errorf("run %s has record %s %d times", run, id, seen[id])
		}
	}
}
