package door

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slowServer serves a handler behind Prompt on a real connection with small
// buffers, and returns the connection to it.
func slowServer(t *testing.T, bodyLimit time.Duration, handler http.HandlerFunc) net.Conn {
	t.Helper()
	server := httptest.NewUnstartedServer(Prompt(handler, bodyLimit))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && state == http.StateNew {
			if err := tcp.SetWriteBuffer(16 << 10); err != nil {
				t.Error(err)
			}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.(*net.TCPConn).SetReadBuffer(16<<10))
	return conn
}

// TestStalledDownload lets a client take nothing: the handler is released.
func TestStalledDownload(t *testing.T) {
	ended := make(chan error, 1)
	conn := slowServer(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		_, err := Patient(w, 50*time.Millisecond).Write(make([]byte, 64<<20))
		ended <- err
	})
	_, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	if err := <-ended; err == nil {
		t.Error("64 MiB were written to a client that reads nothing")
	}
}

// TestSlowDownload reads a long answer slowly, for several times as long as the
// client may stall and as the server's own limit lasts: it comes whole.
func TestSlowDownload(t *testing.T) {
	const size, stall = 32 << 20, time.Second
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(stall)); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, err := Patient(w, stall).Write(make([]byte, size))
		ended <- err
	}))
	defer server.Close()
	response, err := http.Get(server.URL)
	must(t, err)
	defer response.Body.Close()
	got := int64(0)
	for began := time.Now(); got < size; {
		// Slow until the limits are long over; how slow does not matter then.
		if time.Since(began) < 3*stall {
			time.Sleep(30 * time.Millisecond)
		}
		n, err := io.CopyN(io.Discard, response.Body, min(256<<10, size-got))
		got += n
		must(t, err)
	}
	must(t, <-ended)
}

// TestSlowBody sends a body and never ends it: the handler is told, in time.
func TestSlowBody(t *testing.T) {
	read := make(chan error, 1)
	conn := slowServer(t, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	_, err := fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbeginning")
	must(t, err)
	if err := <-read; err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("the body gave %v", err)
	}
}

// TestBodyLimitEndsWithTheBody holds that the limit of a body does not end a
// long answer: its handler's context lives on.
func TestBodyLimitEndsWithTheBody(t *testing.T) {
	const limit = 100 * time.Millisecond
	ended := make(chan error, 1)
	conn := slowServer(t, limit, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		must(t, err)
		select {
		case <-r.Context().Done():
			ended <- context.Cause(r.Context())
		case <-time.After(5 * limit):
			ended <- nil
		}
	})
	_, err := fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
	must(t, err)
	if err := <-ended; err != nil {
		t.Errorf("the request ended: %v", err)
	}
}
