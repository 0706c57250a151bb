package postgres

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// cable is a TCP proxy in front of a server, whose connections can be cut or
// fall silent.
type cable struct {
	listener net.Listener
	target   string
	mutex    sync.Mutex
	silent   bool
	open     []net.Conn
	copying  sync.WaitGroup
}

// startCable puts a cable in front of a server and returns the DSN through it.
func startCable(t *testing.T, dsn string, port int) (*cable, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{listener: listener, target: fmt.Sprintf("127.0.0.1:%d", port)}
	w.copying.Go(w.accept)
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		w.cut()
		w.copying.Wait()
	})
	return w, strings.Replace(dsn, w.target, listener.Addr().String(), 1)
}

// accept passes connections on until the listener is closed.
func (w *cable) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target)
		if err != nil {
			client.Close()
			continue
		}
		w.mutex.Lock()
		w.open = append(w.open, client, server)
		w.mutex.Unlock()
		w.copying.Go(func() { w.pass(server, client) })
		w.copying.Go(func() { w.pass(client, server) })
	}
}

// pass copies one direction. What comes while the cable is silent gets lost.
func (w *cable) pass(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		w.mutex.Lock()
		silent := w.silent
		w.mutex.Unlock()
		if !silent && err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// cut ends all connections.
func (w *cable) cut() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// fallSilent lets nothing through any more, or again.
func (w *cable) fallSilent(silent bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.silent = silent
}

// TestBrokenCables cuts connections in the middle of a read, again and again,
// and then lets one fall silent.
func TestBrokenCables(t *testing.T) {
	server := servers.Server(t)
	dsn, conn := history(t, server)
	exec(t, conn, "update interaction set text = repeat('x', 100000) where tenantid = 101")
	w, through := startCable(t, dsn, server.Port())
	s := open(t, through, Options{})
	want, err := read(t, s, all(source.Interaction), source.Range{}, drop)
	if err != nil {
		t.Fatal(err)
	}
	g := source.NewGuard(s, source.Limits{NoProgress: time.Second}, slog.New(slog.DiscardHandler))
	export := func(at func(n int)) (int, map[source.Key]bool, error) {
		snapshot, err := g.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[source.Key]bool{}
		n, err := snapshot.Read(t.Context(), all(source.Interaction), source.Range{}, func(r *source.Record) error {
			seen[r.Key] = true
			at(len(seen))
			return nil
		})
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
		return n, seen, err
	}
	n, seen, err := export(func(n int) {
		if n == 1 || n == 20 || n == 21 {
			w.cut()
		}
	})
	if err != nil || n != want || len(seen) != want {
		t.Errorf("cut: %d records, %d different, want %d: %v", n, len(seen), want, err)
	}
	_, _, err = export(func(n int) { w.fallSilent(true) })
	wantError(t, err, cdds.CodeUnavailable, "no record for 1s")
	w.fallSilent(false)
	w.cut()
	if n, _, err := export(func(int) {}); err != nil || n != want {
		t.Errorf("after it: %d records, want %d: %v", n, want, err)
	}
}
