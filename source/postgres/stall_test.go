package postgres

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// relay stands between the source and its server. It calls between for each
// piece of at most 4 KiB that the server sends, with the number of bytes before
// it, and passes the piece on when that returns.
func relay(t *testing.T, port int, between func(sent int)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	serve := func(client net.Conn) {
		defer client.Close()
		server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Error(err)
			return
		}
		group.Go(func() {
			defer server.Close()
			if _, err := io.Copy(server, client); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Log(err)
			}
		})
		defer server.Close()
		piece, sent := make([]byte, 4096), 0
		for {
			n, err := server.Read(piece)
			if err != nil {
				return
			}
			between(sent)
			if _, err := client.Write(piece[:n]); err != nil {
				return
			}
			sent += n
		}
	}
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return listener.Addr().String()
}

// TestAServerThatSendsNoMore holds back what the server sends, on a connection
// that stands: the read ends after a while, and the next one finds a new
// connection.
func TestAServerThatSendsNoMore(t *testing.T) {
	server := servers.Server(t)
	dsn, conn := history(t, server)
	exec(t, conn, "update interaction set text = repeat('x', 100000) where tenantid = 101")
	held := make(chan struct{})
	free := sync.OnceFunc(func() { close(held) })
	address := relay(t, server.Port(), func(sent int) {
		if sent > 1_000_000 {
			<-held
		}
	})
	s := open(t, strings.Replace(dsn, "127.0.0.1:"+strconv.Itoa(server.Port()), address, 1), Options{StallTimeout: time.Second})
	t.Cleanup(free)
	_, err := read(t, s, all(source.Interaction), source.Range{}, drop)
	wantError(t, err, cdds.CodeUnavailable, "sent nothing")
	if n, err := read(t, s, all(source.Contact), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("after it: %d records, %v", n, err)
	}
}

// TestASlowServerIsWaitedFor lets the server send a piece now and then, for
// longer in all than the limit.
func TestASlowServerIsWaitedFor(t *testing.T) {
	const limit = time.Second
	server := servers.Server(t)
	dsn, _ := history(t, server)
	address := relay(t, server.Port(), func(sent int) { time.Sleep(limit / 10) })
	s := open(t, strings.Replace(dsn, "127.0.0.1:"+strconv.Itoa(server.Port()), address, 1), Options{StallTimeout: limit})
	began := time.Now()
	if n, err := read(t, s, all(source.Interaction), source.Range{}, drop); n == 0 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
	if time.Since(began) < limit {
		t.Error("the server was not slow enough to tell")
	}
}
