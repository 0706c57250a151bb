package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Program returns the path of one of the server's programs, such as pgbench.
func (s *Server) Program(name string) string { return filepath.Join(s.bin, name) }

// Standby starts a standby that follows this server. It is removed at the end
// of the test; databases of the test are dropped before.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "cdds-pg-")
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	standby := &Server{dir: dir, bin: s.bin, cred: s.cred}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Errorf("remove a standby: %v", err)
		}
	})
	if err := standby.follow(s); err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	return standby
}

// follow copies a server and starts the copy as its standby.
func (s *Server) follow(primary *Server) error {
	if s.cred != nil {
		if err := os.Chown(s.dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return fmt.Errorf("give the folder to the server's user: %w", err)
		}
	}
	backup := exec.Command(s.Program("pg_basebackup"), "-h", "127.0.0.1", "-p", strconv.Itoa(primary.port), "-U", "postgres",
		"-D", filepath.Join(s.dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	backup.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	backup.Dir = s.dir
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return s.startSomewhere()
}
