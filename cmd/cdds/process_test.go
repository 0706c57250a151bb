package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asCommand is the variable that makes this test binary the command itself, so
// that tests can start real processes without building another one.
const asCommand = "CDDS_TEST_AS_COMMAND"

// process is cdds serve in a process of its own.
type process struct {
	*runningService
	cmd  *exec.Cmd
	said func() string // the log so far
	kill func()        // as kill -9 does
	ends func()        // waits for its end, which somebody else has asked for
}

// self returns a command line of cdds as a process under a umask.
func self(t testing.TB, umask int, env []string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	must(t, err)
	cmd := exec.Command("/bin/sh", append([]string{"-c", fmt.Sprintf(`umask %03o; exec "$0" "$@"`, umask), binary}, args...)...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	return cmd
}

// start starts cdds serve as a process and stops it at the end of the test.
func start(t testing.TB, umask int, env []string, args ...string) *process {
	t.Helper()
	return launch(t, umask, env, "listening", args...)
}

// launch is start for a node that says with another message where it listens.
func launch(t testing.TB, umask int, env []string, message string, args ...string) *process {
	t.Helper()
	spoken.argumentSecrets(args, "")
	p := &process{cmd: self(t, umask, env, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	stderr, err := p.cmd.StderrPipe()
	must(t, err)
	must(t, p.cmd.Start())
	var log strings.Builder
	var mu sync.Mutex
	urls, logged := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(logged)
		address := regexp.MustCompile(`msg"?[=:]"?` + message + `"?[ ,]"?url"?[=:]"?([^\s"]+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			mu.Lock()
			fmt.Fprintln(&log, lines.Text())
			mu.Unlock()
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				urls <- m[1]
			}
		}
	}()
	var once sync.Once
	end := func(signal os.Signal, clean bool) {
		once.Do(func() {
			if signal != nil {
				must(t, p.cmd.Process.Signal(signal))
			}
			<-logged
			if err := p.cmd.Wait(); clean && err != nil {
				t.Errorf("cdds serve ended with %v:\n%s", err, log.String())
			}
			spoken.output(t.Name(), log.String())
		})
	}
	stop := func() { end(syscall.SIGTERM, true) }
	p.ends = func() { end(nil, true) }
	p.kill = func() { end(syscall.SIGKILL, false) }
	p.said = func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
	p.runningService = &runningService{stop: stop, log: &log}
	t.Cleanup(stop)
	select {
	case p.url = <-urls:
	case <-logged:
		t.Fatalf("cdds serve ended at once:\n%s", p.said())
	case <-time.After(waitTime):
		t.Fatal("cdds serve did not start to listen")
	}
	return p
}
