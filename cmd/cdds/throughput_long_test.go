//go:build long

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// userTicks is how many ticks a second of CPU time has in /proc, on every
// architecture that Linux has today.
const userTicks = 100

// idle names the time in which no process had the CPU.
const idle = "idle"

// TestTwoWorkersOverOne has the same exports carried out by one worker process
// and by two, each with one place, and prints the ratio and what used the CPU
// meanwhile, so that it can be seen what binds. Only the results are judged.
func TestTwoWorkersOverOne(t *testing.T) {
	const runs, records = 8, 200_000
	source := servers.Database(t)
	fillHistory(t, source, records)
	k := newCluster(t, source, nil)
	front := k.node("api")
	c := k.at(front)
	var took [2]time.Duration
	var sums []string
	for i := range took {
		var used map[string]time.Duration
		var ids []string
		took[i], used, ids = k.share(c, i+1, runs)
		cores := took[i] * time.Duration(runtime.NumCPU())
		var all time.Duration
		var parts []string
		for _, name := range []string{"worker 1", "worker 2", "PostgreSQL"} {
			if spent, there := used[name]; there {
				all += spent
				parts = append(parts, fmt.Sprintf("%s %.1f s", name, spent.Seconds()))
			}
		}
		share := func(d time.Duration) float64 { return 100 * d.Seconds() / cores.Seconds() }
		t.Logf("%d worker(s): %d runs of %d records in %.1f s; CPU: %s; of %d cores %.0f %%, others %.0f %%, idle %.0f %%",
			i+1, runs, records, took[i].Seconds(), strings.Join(parts, ", "), runtime.NumCPU(), share(all), share(max(0, cores-all-used[idle])), share(used[idle]))
		for _, id := range ids {
			sums = append(sums, plaintextSum(t, c, id, records))
		}
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(sums))); len(sums) != 2*runs || len(distinct) != 1 {
		t.Errorf("%d runs of the same records gave %d different texts", len(sums), len(distinct))
	}
	t.Logf("two workers over one: %.2f", took[0].Seconds()/took[1].Seconds())
}

// share has some workers carry out some runs that wait, and returns how long
// that took, the CPU time that each used, and the runs.
func (k *cluster) share(c *client, workers, runs int) (time.Duration, map[string]time.Duration, []string) {
	k.t.Helper()
	var ids []string
	for range runs {
		ids = append(ids, c.runNow(jobBody(nil)))
	}
	server := servers.Server(k.t).PID()
	before, idleBefore := familyTime(k.t, server), machineIdle(k.t)
	began := time.Now()
	nodes := make([]*process, workers)
	for i := range nodes {
		nodes[i] = k.node("worker", "--workers", "1")
	}
	for _, id := range ids {
		finished(k.t, c.awaitWithin(id, longWait))
	}
	took := time.Since(began)
	used := map[string]time.Duration{"PostgreSQL": familyTime(k.t, server) - before, idle: machineIdle(k.t) - idleBefore}
	for i, node := range nodes {
		used[fmt.Sprintf("worker %d", i+1)] = familyTime(k.t, node.cmd.Process.Pid)
		node.stop()
	}
	return took, used, ids
}

// plaintextSum is the checksum of what a run's one file holds.
func plaintextSum(t *testing.T, c *client, run string, records int64) string {
	t.Helper()
	var manifest struct {
		Artifacts []struct {
			Files []struct {
				Records int64
				SHA256  string
			}
		}
	}
	c.ok("GET", "/runs/"+run+"/manifest", nil, &manifest)
	if len(manifest.Artifacts) != 1 || len(manifest.Artifacts[0].Files) != 1 || manifest.Artifacts[0].Files[0].Records != records {
		t.Fatalf("the manifest of run %s says %+v", run, manifest)
	}
	return manifest.Artifacts[0].Files[0].SHA256
}

// machineIdle is how long the cores have had nothing to do, waits for disks
// included.
func machineIdle(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	must(t, err)
	var ticks int64
	for _, field := range strings.Fields(string(text))[4:6] { // of the first line: idle and iowait
		n, err := strconv.ParseInt(field, 10, 64)
		must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userTicks
}

// familyTime is the CPU time of a process, of its children that live, and of
// those that have ended.
func familyTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	var ticks int64
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since; its parent counts it now
		}
		// The name in brackets may hold anything; fields 3 and on follow it.
		_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), " ")
		fields := strings.Fields(rest)
		const parent, user, system, childUser, childSystem = 1, 11, 12, 13, 14
		if len(fields) <= childSystem {
			continue
		}
		own := path == "/proc/"+strconv.Itoa(pid)+"/stat"
		if !own && fields[parent] != strconv.Itoa(pid) {
			continue
		}
		counted := []int{user, system}
		if own {
			counted = append(counted, childUser, childSystem)
		}
		for _, field := range counted {
			n, err := strconv.ParseInt(fields[field], 10, 64)
			must(t, err)
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / userTicks
}
