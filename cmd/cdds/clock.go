//go:build !torture

package main

import "time"

// systemNow is the clock of the machine.
func systemNow() time.Time { return time.Now() }
