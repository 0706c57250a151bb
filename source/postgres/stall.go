package postgres

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// dialer makes connections that notice when the server has stopped to send
// without closing them: a pooler that hangs, or a network device that has
// forgotten the connection but still answers for it. The kernel sees nothing
// wrong there, and a read would wait for ever.
func dialer(stall time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// One that has gone without a word is noticed by the kernel in a minute.
		d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{Conn: conn, stall: stall}, nil
	}
}

// watchedConn lets each read wait for a bounded time, so that what is limited
// is the time without progress, never the whole. The driver sets deadlines too,
// to be able to give a statement up; the earlier one counts.
type watchedConn struct {
	net.Conn
	stall    time.Duration
	mu       sync.Mutex
	deadline time.Time // the driver's for reads; zero: none
}

// Read reads what has come, or waits for it.
func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.limit(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// limit sets the deadline of the read to come. The lock is not held while it
// waits: the driver's deadline must be able to end it.
func (c *watchedConn) limit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(c.stall)
	if !c.deadline.IsZero() && c.deadline.Before(until) {
		until = c.deadline
	}
	if err := c.Conn.SetReadDeadline(until); err != nil {
		return fmt.Errorf("limit the wait for the server: %w", err)
	}
	return nil
}

// SetDeadline sets the driver's deadline for reads and writes.
func (c *watchedConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline sets the driver's deadline for reads.
func (c *watchedConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}
