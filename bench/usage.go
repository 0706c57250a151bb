package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is what one turn of a way has cost.
type usage struct {
	wall           time.Duration
	client, server time.Duration // CPU, of all processes on each side
	memory         int64         // peaks of the client's processes, added up, in bytes
	size           int64         // of the files
	lines          int64         // bytes of JSON Lines, where it is known
}

func (u usage) cpu() time.Duration { return u.client + u.server }

func (u usage) String() string {
	return fmt.Sprintf("%6.2f s, CPU %6.2f + %5.2f s, %4d MB of memory, %6.1f MB", u.wall.Seconds(), u.client.Seconds(), u.server.Seconds(), u.memory>>20, float64(u.size)/1e6)
}

// tick is the unit of CPU times in /proc: USER_HZ, which is 100 on all
// architectures that Go knows.
const tick = time.Second / 100

// serverTime is the CPU time of a server's first process and of all its
// children, those that have ended too. It waits until the children of whoever
// was served last have ended: one that ends while the times are read would be
// missed or counted twice.
func serverTime(pid int) (time.Duration, error) {
	used, children, err := timeOfChildren(pid)
	for range 40 {
		if err != nil {
			return 0, err
		}
		time.Sleep(50 * time.Millisecond)
		before, had := used, children
		used, children, err = timeOfChildren(pid)
		if children == had && used-before <= tick {
			break
		}
	}
	return used, err
}

// timeOfChildren reads the times once, and how many children there are.
func timeOfChildren(pid int) (used time.Duration, children int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("look for processes: %w", err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name of the program, in brackets, may hold anything (proc(5)).
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		own := filepath.Base(filepath.Dir(path)) == strconv.Itoa(pid)
		if len(fields) < 15 || !own && fields[1] != strconv.Itoa(pid) {
			continue
		}
		counted := fields[11:13] // user and system time
		if own {
			counted = fields[11:15] // and those of children that have ended
		} else {
			children++
		}
		for _, field := range counted {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("read %s: %w", path, err)
			}
			used += time.Duration(n) * tick
		}
	}
	return used, children, nil
}

// peakOf is the most memory that a process has had, 0 where it has ended.
func peakOf(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	line, _, _ := strings.Cut(rest, " kB")
	kib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// peaks watches processes until stop is called, which returns the sum of their
// peaks. What the kernel tells of a process at its end would begin with the
// memory of this one, from which it was started.
func peaks(pids []int) (stop func() int64) {
	quit, most := make(chan struct{}), make([]int64, len(pids))
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			for i, pid := range pids {
				most[i] = max(most[i], peakOf(pid))
			}
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		close(quit)
		group.Wait()
		var sum int64
		for _, n := range most {
			sum += n
		}
		return sum
	}
}

// pipe runs commands, each of which reads what the one before it writes. It
// returns what the last one wrote, which must be little, and what all have cost.
func pipe(ctx context.Context, server int, commands [][]string) (string, usage, error) {
	var u usage
	before, err := serverTime(server)
	if err != nil {
		return "", u, err
	}
	var last bytes.Buffer
	stages, err := connected(ctx, commands, &last)
	if err != nil {
		return "", u, err
	}
	start := time.Now()
	var pids []int
	for _, s := range stages {
		if err := s.cmd.Start(); err != nil {
			return "", u, fmt.Errorf("start %s: %w", s.cmd.Path, err)
		}
		// Only the child has its ends of the pipes now, so that the others see
		// when it has ended.
		for _, end := range s.ends {
			if err := end.Close(); err != nil {
				return "", u, fmt.Errorf("close a pipe: %w", err)
			}
		}
		pids = append(pids, s.cmd.Process.Pid)
	}
	stop := peaks(pids)
	for _, s := range stages {
		if failed := s.cmd.Wait(); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w: %s", filepath.Base(s.cmd.Path), failed, s.said.String()))
		}
		u.client += s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
	}
	u.wall = time.Since(start)
	u.memory = stop()
	after, timeErr := serverTime(server)
	u.server = after - before
	return last.String(), u, errors.Join(err, timeErr)
}

// stage is a command of a pipe.
type stage struct {
	cmd  *exec.Cmd
	said bytes.Buffer
	ends []*os.File // of pipes, to close when it has been started
}

// connected prepares the commands of a pipe. The pipes are the kernel's own,
// so that this process is not in the way.
func connected(ctx context.Context, commands [][]string, last io.Writer) ([]*stage, error) {
	var stages []*stage
	var from *os.File
	for i, words := range commands {
		s := &stage{cmd: exec.CommandContext(ctx, words[0], words[1:]...)}
		s.cmd.Env = append(os.Environ(), "PGTZ=UTC")
		s.cmd.Stderr = &s.said
		if from != nil {
			s.cmd.Stdin, s.ends = from, append(s.ends, from)
		}
		s.cmd.Stdout = last
		if i < len(commands)-1 {
			read, write, err := os.Pipe()
			if err != nil {
				return nil, fmt.Errorf("make a pipe: %w", err)
			}
			s.cmd.Stdout, s.ends, from = write, append(s.ends, write), read
		}
		stages = append(stages, s)
	}
	return stages, nil
}
