// Package pgtest starts a private PostgreSQL for the tests of one process.
//
// Only tests import it. The server is started at the first use, listens on a
// free port of the loopback interface, keeps its data in a temporary folder,
// and is stopped by Main at the end of the tests; should the test process die,
// the kernel stops it. PostgreSQL refuses to run as root, so it runs as the
// user postgres then.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTime bounds how long the server may take to start or to stop.
const startTime = 60 * time.Second

// Server is one running PostgreSQL.
type Server struct {
	dir, bin string
	port     int
	cred     *syscall.Credential
	cmd      *exec.Cmd
	log      *bytes.Buffer
	exited   chan error
	count    atomic.Int64
}

// Pool starts the server once for a test process. Declare it in the test
// package and hand it to Main.
type Pool struct {
	once   sync.Once
	server *Server
	err    error
}

// Main runs the tests and stops the server that they started, if they did.
// Call it from TestMain: os.Exit(pool.Main(m)).
func (p *Pool) Main(m *testing.M) int {
	code := m.Run()
	if p.server != nil {
		if err := p.server.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return max(code, 1)
		}
	}
	return code
}

// Server returns the running server.
func (p *Pool) Server(t testing.TB) *Server {
	t.Helper()
	p.once.Do(func() { p.server, p.err = start() })
	if p.err != nil {
		t.Fatalf("start a private PostgreSQL: %v", p.err)
	}
	return p.server
}

// Database creates an empty database and returns its DSN. It is dropped at the
// end of the test.
func (p *Pool) Database(t testing.TB) string {
	t.Helper()
	return p.Server(t).Database(t, "")
}

// Database creates an empty database with more options of CREATE DATABASE,
// such as a collation, and returns its DSN.
func (s *Server) Database(t testing.TB, options string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	s.exec(t, "create database "+name+" "+options)
	t.Cleanup(func() { s.exec(t, "drop database if exists "+name+" with (force)") })
	return s.DSN(name, "postgres")
}

// DSN returns the address of a database for a user.
func (s *Server) DSN(database, username string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", username, s.port, database)
}

// Port is the port on the loopback interface.
func (s *Server) Port() int { return s.port }

// exec runs a statement in the administration database.
func (s *Server) exec(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres", "postgres"))
	if err != nil {
		t.Fatalf("connect to the private PostgreSQL: %v", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Stop stops the server at once, as a crash of its machine would look to its
// clients.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return s.wait()
}

// Start starts the server again on the same port.
func (s *Server) Start() error {
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGQUIT}
	s.exited = make(chan error, 1)
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread ends that forked, so
		// that thread stays until the server has ended.
		runtime.LockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.exited <- s.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return s.awaitReady()
}

// awaitReady connects until the server answers.
func (s *Server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres", "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case exit := <-s.exited:
			return fmt.Errorf("the server ended: %w: %s", errors.Join(exit), s.log)
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// wait waits until the server has ended. How it ended does not matter.
func (s *Server) wait() error {
	select {
	case <-s.exited:
		return nil
	case <-time.After(startTime):
		return errors.New("the server did not end")
	}
}

// remove stops the server and removes its folder.
func (s *Server) remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.dir))
}

// start makes a new database cluster and starts its server.
func start() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "cdds-pg-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &Server{dir: dir, bin: bin}
	if os.Getuid() == 0 {
		if s.cred, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return nil, fmt.Errorf("give the folder to the server's user: %w", err)
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// binaries finds the folder of the server's programs.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		sort.Strings(found)
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("the tests need PostgreSQL 14 or later: install the package postgresql")
	}
	return filepath.Dir(path), nil
}

// unprivileged returns the user that the server runs as.
func unprivileged() (*syscall.Credential, error) {
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres: %w", err)
	}
	uid, uidErr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// freePort asks the system for a port that nobody uses.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
