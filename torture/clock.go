package main

import (
	"fmt"
	"os"
	"time"
)

// clock is the clock of the service, which is moved by writing a file that the
// service reads at each look at its clock.
type clock struct {
	file    string
	offset  time.Duration
	highest time.Time // the latest instant that it may have shown
}

// newClock returns a clock that shows the right time.
func newClock(file string) (*clock, error) {
	c := &clock{file: file}
	return c, c.set(0)
}

// now is what the service's clock shows.
func (c *clock) now() time.Time { return time.Now().UTC().Add(c.offset) }

// set moves the clock to an offset from the right time. The file is replaced
// whole, since the service reads it at any moment.
func (c *clock) set(offset time.Duration) error {
	c.mark()
	temp := c.file + ".new"
	if err := os.WriteFile(temp, []byte(offset.String()), 0o600); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	if err := os.Rename(temp, c.file); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	c.offset = offset
	c.mark()
	return nil
}

// mark notes how far the clock has come.
func (c *clock) mark() {
	if now := c.now(); now.After(c.highest) {
		c.highest = now
	}
}
