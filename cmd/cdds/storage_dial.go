package main

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	// storageSilence is how long a connection to an object store may neither take
	// nor give a byte before it is given up. The stores' libraries have no such
	// bound, and a connection whose other end is gone would be waited for.
	storageSilence = time.Minute
	// storageTries is how often a request to an object store is made before its
	// failure is the run's. The waits between them double, to some 20 seconds.
	storageTries = 5
	dialTime     = 10 * time.Second
)

// movingConn is a connection that ends when nothing has moved on it for
// storageSilence. Sending counts for both directions: an answer is not late
// while its request is on its way.
type movingConn struct{ net.Conn }

// Read reads into p.
func (c movingConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(storageSilence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write writes p.
func (c movingConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(storageSilence)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// patient has a transport give connections up that do not move.
func patient(t *http.Transport) {
	dialer := net.Dialer{Timeout: dialTime}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return movingConn{c}, nil
	}
}

// storageTransport is the transport to stores whose libraries take one.
func storageTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: storageSilence, TLSHandshakeTimeout: dialTime}
	patient(t)
	return t
}
