//go:build long

package main

import (
	"testing"
	"time"
)

// TestFourSchedulers has 100,000 jobs of 10,000 tenants be due at one instant,
// and four schedulers start them: none is missed and none doubled. Then two nodes
// work off a part of what waits. The figures are printed and not judged; "make
// load" shows them.
func TestFourSchedulers(t *testing.T) {
	load{tenants: 10_000, jobs: 10, schedulers: 4, nodes: 2, workers: 25, ends: 20_000, lead: 5 * time.Second, patience: 20 * time.Minute}.run(t)
}
