package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between the service and the source database. It counts what the
// database sends, and lets connections be cut, held and slowed down.
type proxy struct {
	listener net.Listener
	target   string
	passed   atomic.Int64 // bytes that the database has sent
	pace     atomic.Int64 // bytes that it may send in a second, over all connections

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	held  chan struct{} // closed when the hold ends; nil: no hold
	next  time.Time     // when the next bytes may pass
	group sync.WaitGroup
}

// newProxy starts a proxy on a free port.
func newProxy(ctx context.Context, target string) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	p.group.Go(p.accept)
	return p, nil
}

// port is where the proxy listens.
func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// accept serves connections until the listener is closed.
func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.serve(client) })
	}
}

// serve connects a client with the database until one of them ends.
func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		// Nobody answers there: neither does this side.
		client.Close() //nolint:errcheck // there is nothing to save
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range []struct {
		from, to net.Conn
		paced    bool
	}{{client, server, false}, {server, client, true}} {
		both.Go(func() {
			p.copy(way.from, way.to, way.paced)
			way.from.Close() //nolint:errcheck // both ways end together, and a second close is no fault
			way.to.Close()   //nolint:errcheck // as above
		})
	}
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// copy copies one way until an end of it is closed.
func (p *proxy) copy(from, to net.Conn, paced bool) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if paced {
			p.wait(n)
			p.passed.Add(int64(n))
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits until n more bytes may pass.
func (p *proxy) wait(n int) {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	pace := p.pace.Load()
	if pace <= 0 {
		return
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	pause := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(pace) * float64(time.Second)))
	p.mu.Unlock()
	time.Sleep(pause)
}

// cut resets all connections, as a firewall or a failing switch does.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0) //nolint:errcheck // without it the end is a FIN in place of a RST
		}
		conn.Close() //nolint:errcheck // that is the fault
	}
}

// hold lets nothing of the database pass until the returned function is called.
func (p *proxy) hold() (release func()) {
	held := make(chan struct{})
	p.mu.Lock()
	p.held = held
	p.mu.Unlock()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		p.held = nil
		p.mu.Unlock()
		close(held)
	})
}

// close ends the proxy and all its connections.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.cut()
	p.group.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the proxy: %w", err)
	}
	return nil
}
