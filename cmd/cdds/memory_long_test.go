//go:build long

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestMemoryIsFlat exports 50,000 and 1,000,000 interactions, each by a service
// process of its own, and compares what they needed at most.
func TestMemoryIsFlat(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	peak := func(interactions int) int64 {
		data, out := demo(t, "--interactions", strconv.Itoa(interactions), "--contacts", "10000")
		process, url := startProcess(t, bin, data)
		s := &runningService{url: url}
		c := s.signIn(t, out.Username, out.Password)
		r := finished(t, c.export(nil))
		memory := peakMemory(t, process.Process.Pid)
		t.Logf("%d interactions, %d MiB of JSON Lines: peak resident memory %d MiB", interactions, r.Progress.Bytes>>20, memory>>20)
		must(t, process.Process.Signal(syscall.SIGTERM))
		must(t, process.Wait())
		return memory
	}
	small, large := peak(50_000), peak(1_000_000)
	if ratio := float64(large) / float64(small); ratio > 1.2 || ratio < 0.8 {
		t.Errorf("memory grows with the data: the large export needed %.2f of the small one's", ratio)
	}
	if max(small, large) > 256<<20 {
		t.Error("more than 256 MiB")
	}
}

// startProcess starts the real binary and returns its address.
func startProcess(t testing.TB, bin, data string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(bin, "serve", "--data", data, "--listen", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := regexp.MustCompile(`msg=listening url=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			go func() {
				for lines.Scan() { // the log must not fill its pipe
				}
			}()
			return cmd, m[1]
		}
	}
	t.Fatal("the service did not start")
	return nil, ""
}

// peakMemory is the most memory that a process had at a time, in bytes.
func peakMemory(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	must(t, err)
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			must(t, err)
			return kib << 10
		}
	}
	t.Fatal("the process has no peak memory")
	return 0
}

// TestKilledService kills the service with SIGKILL in the middle of an export:
// after a restart the run finishes, and its records are those of the window.
func TestKilledService(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "cdds")
	tool(t, "go", "build", "-o", bin, ".")
	const interactions = 200_000
	data, out := demo(t, "--interactions", strconv.Itoa(interactions), "--contacts", "1000")
	process, url := startProcess(t, bin, data)
	c := (&runningService{url: url}).signIn(t, out.Username, out.Password)
	var job jobAnswer
	c.ok("POST", "/jobs", jobBody(object{"splitSize": 1 << 20}), &job)
	var r runAnswer
	for r.Progress.Records < interactions/4 {
		c.ok("GET", "/runs/"+job.LatestRun.ID, nil, &r)
	}
	must(t, process.Process.Kill())
	if err := process.Wait(); err == nil {
		t.Fatal("the service ended by itself")
	}
	s := serve(t, "--data", data)
	c = s.signIn(t, out.Username, out.Password)
	r = finished(t, c.await(job.LatestRun.ID))
	_, _, manifest := c.do("GET", "/runs/"+r.ID+"/manifest", nil, nil)
	var m struct{ Records map[string]int64 }
	must(t, json.Unmarshal(manifest, &m))
	if m.Records["interaction"] != interactions {
		t.Errorf("%v records", m.Records)
	}
	if len(r.Attempts) != 2 {
		t.Errorf("%d attempts", len(r.Attempts))
	}
	files := 0
	must(t, filepath.Walk(filepath.Join(data, "artifacts"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			files++
		}
		return err
	}))
	if n := len(c.artifacts(r.ID)); n != files {
		t.Errorf("%d artifacts and %d files", n, files)
	}
}
