package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childVariable makes this test binary start a server and wait, instead of
// running the tests.
const childVariable = "CDDS_PGTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
	}
	os.Exit(m.Run())
}

// child starts a server, prints its port and folder and waits to be killed.
func child() {
	s, err := Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.port, s.dir)
	select {}
}

func TestDatabasesAreEmptyAndDropped(t *testing.T) {
	s := Start(t)
	var dsn string
	t.Run("use", func(t *testing.T) {
		dsn = s.Database(t, "")
		query(t, dsn, "create table kept (n int); select count(*) from kept")
		if got := query(t, s.Database(t, ""), "select count(*) from pg_class where relname = 'kept'"); got != "0" {
			t.Errorf("a new database has %s tables of another", got)
		}
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("the database of a test is still there after it")
	}
}

func TestStopAndStartKeepPortAndData(t *testing.T) {
	s := Start(t)
	dsn := s.Database(t, "")
	query(t, dsn, "create table kept (n int); insert into kept values (7); checkpoint; select 1")
	for _, stop := range []func() error{s.Stop, s.Shutdown} {
		for range 2 { // stopping twice is stopping
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
		if answers(s.Port()) {
			t.Error("a stopped server answers")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if got := query(t, dsn, "select n from kept"); got != "7" {
			t.Errorf("after a restart the row is %q", got)
		}
	}
}

// TestServerDiesWithItsProcess kills a process that has started a server, as a
// panic or a time limit would.
func TestServerDiesWithItsProcess(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child started no server: %v", err)
	}
	var port int
	var dir string
	if _, err := fmt.Sscan(line, &port, &dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if !answers(port) {
		t.Fatal("the child's server does not answer")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	for answers(port) {
		select {
		case <-ctx.Done():
			t.Fatal("the server outlives the process that started it")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestNewestVersionIsTaken(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6", "14", "9", "100", "15"} {
		bin := filepath.Join(root, version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := binaries(root)
	if want := filepath.Join(root, "100", "bin"); got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestMissingPostgreSQLNamesThePackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := binaries(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("got %v", err)
	}
}

// answers reports whether somebody listens on a port of the loopback interface.
func answers(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// query runs statements and returns the one value of the last.
func query(t *testing.T, dsn, statements string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(t.Context(), statements).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return string(results[len(results)-1].Rows[0][0])
}
