package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nodeAnswer is a node as the API shows it.
type nodeAnswer struct {
	Name, State, Version string
	Roles                []string
	Workers, Working     int
	StartedAt, SeenAt    time.Time
}

// TestASingleNodeIsListed looks at the row of a service with SQLite, by the API
// while it runs and by the command line after it has stopped.
func TestASingleNodeIsListed(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "5", "--contacts", "5")
	s := serve(t, "--data", data, "--workers", "3")
	c := s.signIn(t, out.Username, out.Password)
	var nodes list[nodeAnswer]
	for deadline := time.Now().Add(waitTime); len(nodes.Items) == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c.ok("GET", "/nodes?state=up&role=worker&sort=-seenAt", nil, &nodes)
	}
	if len(nodes.Items) != 1 || nodes.Total != 1 {
		t.Fatalf("%d nodes", nodes.Total)
	}
	n := nodes.Items[0]
	if strings.Join(n.Roles, " ") != "api scheduler worker" || n.Version != version || n.Workers != 3 || n.Working != 0 || n.SeenAt.Before(n.StartedAt) {
		t.Errorf("the node is %+v", n)
	}
	c.fails(http.StatusUnprocessableEntity, "GET", "/nodes?state=lost", nil)
	c.fails(http.StatusUnprocessableEntity, "GET", "/nodes?sort=address", nil)
	var raw struct{ Items []map[string]any }
	c.ok("GET", "/nodes", nil, &raw)
	if _, told := raw.Items[0]["address"]; told {
		t.Error("the API tells where nodes listen inside the operator's network")
	}
	address := strings.TrimPrefix(s.url, "http://")
	s.stop()
	said := commandOK(t, "", "nodes", "list", "--data", data)
	if !strings.Contains(said, n.Name+"  gone") || !strings.Contains(said, address) || !strings.Contains(said, "0/3") {
		t.Errorf("the list after the stop:\n%s", said)
	}
}

// TestNodesListNeverMigrates looks at the nodes of a database that has none.
func TestNodesListNeverMigrates(t *testing.T) {
	t.Parallel()
	dsn := servers.Database(t)
	if _, errs, code := command(t, "", "nodes", "list", "--data", t.TempDir(), "--database", dsn); code != 1 || !strings.Contains(errs, "cdds migrate") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, errs, code := command(t, "", "nodes", "list", "--data", t.TempDir()); code != 3 {
		t.Errorf("a folder without metadata: exit code %d: %s", code, errs)
	}
}

// TestSettingsOfANode gives settings that make no sense.
func TestSettingsOfANode(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--workers=0", "--workers=1001", "--drain=-1s", "--role=none"} {
		if _, errs, code := command(t, "", "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", flag); code != 2 {
			t.Errorf("%s: exit code %d: %s", flag, code, errs)
		}
	}
}

// TestEachRoleAlone has one node for each role: all are ready where they listen,
// a run goes through all three, and is canceled from the API's node.
func TestEachRoleAlone(t *testing.T) {
	t.Parallel()
	const records = 200
	source := numberedHistory(t, records)
	k := newCluster(t, source, nil)
	api, scheduler, worker := k.node("api"), k.node("scheduler"), k.node("worker", "--workers", "1")
	for role, url := range map[string]string{"api": api.url, "api's metrics": api.metricsURL(t), "scheduler": scheduler.metricsURL(t), "worker": worker.metricsURL(t)} {
		if status, text := getText(t, url+"/readyz"); status != http.StatusOK || strings.Count(text, `"ok":true`) != 5 {
			t.Errorf("%s: status %d: %s", role, status, text)
		}
	}
	if status, _ := getText(t, worker.metricsURL(t)+"/api/v1/openapi.json"); status != http.StatusNotFound {
		t.Errorf("a worker answers to the API's path with %d", status)
	}
	if _, text := getText(t, worker.metricsURL(t)+"/metrics"); !strings.Contains(text, "cdds_workers 1\n") {
		t.Error("the worker's metrics do not tell its places")
	}
	c := k.at(api)
	// Due in a moment, so that the scheduler has a part in it.
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"schedule": object{"kind": "once", "startAt": time.Now().Add(time.Second).UTC().Format(time.RFC3339)}}), &job)
	var runs list[runAnswer]
	k.until("the scheduled run", func() bool {
		c.ok("GET", "/runs?job="+job.ID, nil, &runs)
		return len(runs.Items) == 1
	})
	r := finished(t, c.await(runs.Items[0].ID))
	k.hasAll(c, r.ID, records)
	if holder := k.holder(r.ID, 1); holder != k.name(worker) {
		t.Errorf("node %s worked the run", holder)
	}

	unlock := lockTable(t, source)
	defer unlock()
	id := c.runNow(jobBody(nil))
	k.holder(id, 1)
	asked := time.Now()
	c.ok("POST", "/runs/"+id+"/cancel", nil, nil)
	k.until("an idle worker", func() bool {
		_, text := getText(t, worker.metricsURL(t)+"/metrics")
		return strings.Contains(text, "cdds_attempts_in_progress 0\n")
	})
	t.Logf("the worker has stopped %s after the cancel at another node", time.Since(asked).Round(time.Millisecond))
	if r := c.await(id); r.State != "canceled" || len(c.artifacts(id)) != 0 {
		t.Errorf("the canceled run is %s", r.State)
	}

	for p, roles := range map[*process]string{api: "api", scheduler: "scheduler", worker: "worker"} {
		n := k.listedNodes()[k.name(p)]
		if n.State != "up" || strings.Join(n.Roles, ",") != roles || (n.Address != "") != (p == api) || n.Workers != map[*process]int{worker: 1}[p] {
			t.Errorf("the node of the role %s is listed as %+v", roles, n)
		}
	}
}

// TestRollingRestart replaces three nodes one by one while runs are started all
// the time. Each of them holds runs when it is asked to stop, and another node
// goes on with these at once.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	const records = 100
	source := numberedHistory(t, records)
	k := newCluster(t, source, nil)
	old := []*process{k.node("all"), k.node("all"), k.node("all")}
	var started []string
	for i := range old {
		fresh := k.node("all")
		c := k.at(fresh)
		unlock := lockTable(t, source)
		name := k.name(old[i])
		var held []string
		k.until("a run that the node holds", func() bool {
			if k.count("select count(*) from runs where state = 'queued'") == 0 {
				started = append(started, c.runNow(jobBody(nil)))
			}
			must(t, k.db.QueryRow(t.Context(), "select array_agg(id) from runs where state = 'in_progress' and lease_owner = $1", name).Scan(&held))
			return len(held) > 0
		})
		old[i].stop()
		unlock() // what waits in the queue may have taken the free places
		started = append(started, c.runNow(jobBody(nil)))
		for _, id := range held {
			if next := k.holder(id, 2); next == name {
				t.Errorf("run %s stayed at the node that has stopped", id)
			}
		}
		if n := k.listedNodes()[name]; n.State != "gone" {
			t.Errorf("the stopped node is %s", n.State)
		}
		old[i] = fresh
	}
	c := k.at(old[0])
	for _, id := range started {
		finished(t, c.await(id))
		k.hasAll(c, id, records)
	}
	if n := k.count("select count(*) from runs where faults > 0"); n != 0 {
		t.Errorf("%d runs have faults", n)
	}
	t.Logf("%d runs, %d of them handed on", len(started), k.count("select count(*) from runs where attempt > 1"))
}

// TestDrain stops a node with time to finish: it takes no more, says so, and
// ends when its run has ended.
func TestDrain(t *testing.T) {
	t.Parallel()
	const records = 50
	source := numberedHistory(t, records)
	k := newCluster(t, source, nil)
	front, worker := k.node("api,scheduler"), k.node("worker", "--workers", "2", "--drain", "10m")
	c, ready := k.at(front), worker.metricsURL(t)+"/readyz"
	unlock := lockTable(t, source)
	first := c.runNow(jobBody(nil))
	name := k.holder(first, 1)
	must(t, worker.cmd.Process.Signal(syscall.SIGTERM))
	k.until("a node that is not ready", func() bool {
		status, text := getText(t, ready)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "being stopped")
	})
	k.until("a node that is stopping", func() bool {
		n := k.listedNodes()[name]
		return n.State == "stopping" && n.Working == 1
	})
	second := c.runNow(jobBody(nil))
	unlock()
	worker.ends()
	if r := finished(t, c.await(first)); len(r.Attempts) != 1 {
		t.Errorf("the run took %d attempts", len(r.Attempts))
	}
	if n := k.count("select count(*) from attempts where run_id = $1", second); n != 0 {
		t.Error("the node has begun another run while it was stopping")
	}
	k.node("worker")
	finished(t, c.await(second))
	k.hasAll(c, first, records)
}

// TestASecondSignalHandsOn does not wait for the end of a drain.
func TestASecondSignalHandsOn(t *testing.T) {
	t.Parallel()
	const records = 50
	source := numberedHistory(t, records)
	k := newCluster(t, source, nil)
	front, worker := k.node("api,scheduler"), k.node("worker", "--drain", "10m")
	c := k.at(front)
	unlock := lockTable(t, source)
	id := c.runNow(jobBody(nil))
	k.holder(id, 1)
	must(t, worker.cmd.Process.Signal(syscall.SIGTERM))
	k.until("a node that drains", func() bool { return strings.Contains(worker.said(), "runs under way may finish") })
	k.until("the end of the drain", func() bool {
		must(t, worker.cmd.Process.Signal(syscall.SIGTERM))
		return strings.Contains(worker.said(), "runs under way are handed on")
	})
	worker.ends()
	k.node("worker")
	k.holder(id, 2)
	unlock()
	finished(t, c.await(id))
	k.hasAll(c, id, records)
	if n := k.count("select faults from runs where id = $1", id); n != 0 {
		t.Errorf("the stop counts as %d faults", n)
	}
}

// TestANewerSchemaRetiresARunningNode migrates under a node that runs, as the
// first node of a newer version does.
func TestANewerSchemaRetiresARunningNode(t *testing.T) {
	t.Parallel()
	const records = 50
	source := numberedHistory(t, records)
	k := newCluster(t, source, nil)
	node := k.node("all")
	c, name := k.at(node), k.name(node)
	unlock := lockTable(t, source)
	id := c.runNow(jobBody(nil))
	k.holder(id, 1)
	change(t, k.metadata, "insert into goose_db_version (version_id, is_applied) values (9999, true)")
	k.until("a node that is not ready", func() bool {
		status, text := getText(t, node.url+"/readyz")
		var answer struct {
			Checks []struct{ Name, Detail string }
		}
		must(t, json.Unmarshal([]byte(text), &answer))
		return status == http.StatusServiceUnavailable && strings.Contains(answer.Checks[0].Detail, "newer version")
	})
	k.until("a run that is handed on", func() bool {
		return k.count("select count(*) from runs where id = $1 and attempt = 2 and lease_owner is null and faults = 0", id) == 1
	})
	var nodes list[nodeAnswer]
	c.ok("GET", "/nodes?q="+name, nil, &nodes) // who is connected is still answered
	if len(nodes.Items) != 1 || nodes.Items[0].State != "outdated" {
		t.Errorf("the node is listed as %+v", nodes.Items)
	}
	if !strings.Contains(node.said(), "takes no more work") || !strings.Contains(node.said(), "schema version 9999") {
		t.Errorf("the log does not say why:\n%s", node.said())
	}
	unlock()
	waiting := c.runNow(jobBody(nil))
	// The newer version's own node, which this binary stands for.
	change(t, k.metadata, "delete from goose_db_version where version_id = 9999")
	c = k.at(k.node("all"))
	for _, run := range []string{id, waiting} {
		finished(t, c.await(run))
		k.hasAll(c, run, records)
	}
	node.stop()
	if n := k.count("select count(*) from attempts where run_id = $1", waiting); n != 1 {
		t.Errorf("the run that was started meanwhile took %d attempts", n)
	}
}
