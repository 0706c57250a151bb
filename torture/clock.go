package main

import (
	"fmt"
	"os"
	"time"
)

// clock is the clock of the service and that of Contact History. They are moved
// by writing files that the service reads at each look at them: together when
// hours are made to pass, the service's alone when it is set wrong.
type clock struct {
	file    string // of the service's offset
	source  string // of the source's
	offset  time.Duration
	highest time.Time // the latest instant that it may have shown
}

// newClock returns a clock that shows the right time.
func newClock(file string) (*clock, error) {
	c := &clock{file: file, source: file + ".source"}
	return c, c.pass(0)
}

// now is what the service's clock shows.
func (c *clock) now() time.Time { return time.Now().UTC().Add(c.offset) }

// pass lets time pass, for everybody.
func (c *clock) pass(by time.Duration) error {
	offset := c.offset + by
	if err := write(c.source, offset); err != nil {
		return err
	}
	return c.set(offset)
}

// set moves the service's clock alone to an offset from the machine's.
func (c *clock) set(offset time.Duration) error {
	c.mark()
	if err := write(c.file, offset); err != nil {
		return err
	}
	c.offset = offset
	c.mark()
	return nil
}

// write replaces a file whole, since the service reads it at any moment.
func write(file string, offset time.Duration) error {
	temp := file + ".new"
	if err := os.WriteFile(temp, []byte(offset.String()), 0o600); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}

// mark notes how far the clock has come.
func (c *clock) mark() {
	if now := c.now(); now.After(c.highest) {
		c.highest = now
	}
}
