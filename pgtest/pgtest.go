// Package pgtest starts a private PostgreSQL for the tests of one process.
//
// Only tests import it, and the programs that break and measure, which have no
// testing.TB and open a server with Open. The server is started at the first use, listens on a
// free port of the loopback interface, keeps its data in a temporary folder,
// and is stopped by Main at the end of the tests; should the test process die,
// the kernel stops it. PostgreSQL refuses to run as root, so it runs as the
// user postgres then. Anybody on the machine may connect to it, so nothing
// secret belongs into it. Where PostgreSQL is not installed, tests fail and say
// what to install.
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
	process  *process
	count    atomic.Int64
}

// process is one life of a server.
type process struct {
	cmd    *exec.Cmd
	log    bytes.Buffer
	exited chan struct{} // closed when the server has ended
	err    error         // how it ended; read after exited
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
		if err := p.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return max(code, 1)
		}
	}
	return code
}

// Start starts a server for one test alone, which may stop and start it without
// disturbing others. It is removed at the end of the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Open()
	if err != nil {
		t.Fatalf("start a private PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("remove a private PostgreSQL: %v", err)
		}
	})
	return s
}

// Server returns the running server.
func (p *Pool) Server(t testing.TB) *Server {
	t.Helper()
	p.once.Do(func() { p.server, p.err = Open() })
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
	name, err := s.createDatabase(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec("drop database if exists " + name + " with (force)"); err != nil {
			t.Error(err)
		}
	})
	return s.DSN(name, "postgres")
}

// NewDatabase creates an empty database that stays as long as the server, and
// returns its DSN.
func (s *Server) NewDatabase() (string, error) {
	name, err := s.createDatabase("")
	return s.DSN(name, "postgres"), err
}

func (s *Server) createDatabase(options string) (string, error) {
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	return name, s.exec("create database " + name + " " + options)
}

// DSN returns the address of a database for a user.
func (s *Server) DSN(database, username string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", username, s.port, database)
}

// Port is the port on the loopback interface.
func (s *Server) Port() int { return s.port }

// PID is the number of the server's first process, whose children serve.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

// exec runs a statement in the administration database.
func (s *Server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres", "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Stop stops the server at once, as a crash of its machine would look to its
// clients ("immediate"). Stopping a server that has ended does nothing.
func (s *Server) Stop() error { return s.end(syscall.SIGQUIT) }

// Shutdown stops the server in order: it ends all sessions and writes what it
// has ("fast").
func (s *Server) Shutdown() error { return s.end(syscall.SIGINT) }

// end sends the server a signal and waits for its end.
func (s *Server) end(signal os.Signal) error {
	err := s.process.cmd.Process.Signal(signal)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop: %w", err)
	}
	select {
	case <-s.process.exited: // how it ended does not matter
		return nil
	case <-time.After(startTime):
		return errors.New("the server did not end")
	}
}

// Start starts the server again on the same port.
func (s *Server) Start() error {
	p := &process{exited: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGQUIT}
	started := make(chan error)
	go func() {
		// The parent-death signal is sent when the thread ends that forked, so
		// that thread stays until the server has ended.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start: %w", err)
	}
	s.process = p
	return s.awaitReady()
}

// awaitReady connects until the server answers. It uses the socket in the
// server's own folder, since another server may have been faster to take the
// port; this one ends then.
func (s *Server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.dir, s.port))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("the server ended (%w): %s", s.process.err, s.process.log.String())
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close stops the server, if it runs, and removes its folder.
func (s *Server) Close() error {
	var err error
	if s.process != nil {
		err = s.Stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// portTries is how many ports are tried: between finding a free one and using
// it another program may take it.
const portTries = 3

// Open makes a new database cluster and starts its server, for whoever has no
// testing.TB. Close must be called.
func Open() (*Server, error) {
	bin, err := binaries("/usr/lib/postgresql")
	if err != nil {
		return nil, err
	}
	// The server's user must be able to reach the folder, which it may not below
	// $TMPDIR.
	dir, err := os.MkdirTemp("/tmp", "cdds-pg-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &Server{dir: dir, bin: bin}
	err = s.create()
	if err == nil {
		err = s.startSomewhere()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// startSomewhere starts the server on a free port.
func (s *Server) startSomewhere() error {
	var failed error
	for range portTries {
		var err error
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.Start(); err == nil {
			return nil
		}
		failed = errors.Join(failed, err, s.Stop())
	}
	return failed
}

// create makes the database cluster in the server's folder.
func (s *Server) create() error {
	if os.Getuid() == 0 {
		var err error
		if s.cred, err = unprivileged(); err != nil {
			return err
		}
		if err := os.Chown(s.dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return fmt.Errorf("give the folder to the server's user: %w", err)
		}
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", filepath.Join(s.dir, "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	initdb.Dir = s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// binaries finds the folder of the newest server's programs, below root, where
// Debian has a folder for each version, or else in the PATH.
func binaries(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "*", "bin", "initdb"))
	if err != nil {
		return "", err
	}
	newest, dir := 0, ""
	for _, path := range found {
		bin := filepath.Dir(path)
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && version > newest {
			newest, dir = version, bin
		}
	}
	if dir != "" {
		return dir, nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("the tests need PostgreSQL 14 or later: install the package postgresql (apt-get install postgresql)")
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
