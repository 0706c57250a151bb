package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// node is one installation of the service, which is started, stopped and killed.
type node struct {
	binary string
	args   []string
	env    []string
	log    string // file that all its lives write to
	ended  bool   // the present life was ended on purpose
	life   atomic.Pointer[life]
}

// life is a process of a node.
type life struct {
	cmd    *exec.Cmd
	url    string
	name   string        // by which the service knows this process
	exited chan struct{} // closed when the process has ended
	err    error         // how it ended; read after exited
}

// errEnded means that a node ended before it was told to.
var errEnded = errors.New("the node ended by itself")

// start starts the node and waits until it listens.
func (n *node) start(ctx context.Context, patience time.Duration) error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open a node's log: %w", err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make a pipe: %w", err), log.Close())
	}
	l := &life{exited: make(chan struct{}), cmd: exec.Command(n.binary, n.args...)}
	l.cmd.Env = append(os.Environ(), n.env...)
	l.cmd.Stdout, l.cmd.Stderr = writer, writer
	// A group of its own, so that all of it can be killed, and the kernel does
	// so should this program die.
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread ends that forked, so
		// that thread stays until the child has ended.
		runtime.LockOSThread()
		err := l.cmd.Start()
		started <- err
		if err == nil {
			l.err = l.cmd.Wait()
		}
		close(l.exited)
	}()
	err = <-started
	err = errors.Join(err, writer.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("start a node: %w", err), reader.Close(), log.Close())
	}
	listens := make(chan [2]string, 1)
	go copyLog(reader, log, listens)
	n.ended = false
	select {
	case at := <-listens:
		l.url, l.name = at[0], at[1]
		n.life.Store(l)
		return nil
	case <-l.exited:
		return fmt.Errorf("%w at its start: %w", errEnded, l.err)
	case <-time.After(patience):
		err = errors.New("the node does not listen")
	case <-ctx.Done():
		err = ctx.Err()
	}
	n.life.Store(l)
	n.kill()
	return err
}

// copyLog copies a process's lines to the log until it ends, and hands out the
// address that it listens on and its name.
func copyLog(from io.ReadCloser, log *os.File, listens chan<- [2]string) {
	address := regexp.MustCompile(`msg=listening url=(\S+) node=(\S+)`)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			listens <- [2]string{m[1], m[2]}
		}
	}
	if err := errors.Join(lines.Err(), from.Close(), log.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "torture: copy a node's log:", err)
	}
}

// alive reports whether the node has a process.
func (n *node) alive() bool {
	l := n.life.Load()
	if l == nil {
		return false
	}
	select {
	case <-l.exited:
		return false
	default:
		return true
	}
}

// url is where the node listens.
func (n *node) url() string { return n.life.Load().url }

// name is the name of the node's present or last process.
func (n *node) name() string { return n.life.Load().name }

// kill ends the node's process group at once. False means that it had ended.
func (n *node) kill() bool {
	if !n.alive() {
		return false
	}
	l := n.life.Load()
	n.ended = true
	killed := syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL) == nil
	<-l.exited
	return killed
}

// terminate asks the node to stop and waits for its end, which must be in order.
func (n *node) terminate(patience time.Duration) error {
	l := n.life.Load()
	n.ended = true
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop a node: %w", err)
	}
	select {
	case <-l.exited:
		if l.err != nil {
			return fmt.Errorf("the node did not stop in order: %w", l.err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the node did not stop within %s", patience)
	}
}

// tail returns the last lines of the node's log.
func (n *node) tail(count int) string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
