package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// options say what a campaign does.
type options struct {
	Kills        int // nodes killed with SIGKILL, at least
	Rounds       int // of each other fault in each stage
	Seed         uint64
	Interactions int
	Only, Stages []string // names; empty: all
	Patience     float64
	Keep         bool
	Out          io.Writer // a line for each round
}

// campaign is one run of the program.
type campaign struct {
	options
	dir    string
	binary string
	mu     sync.Mutex // guards Out and report
	report report
}

// torture carries out a campaign. Its error means that it could not be carried
// out; what it found is in the report.
func torture(ctx context.Context, o options) (_ *report, err error) {
	c := &campaign{options: o, report: report{seed: o.Seed, began: time.Now()}}
	if c.dir, err = os.MkdirTemp("", "cdds-torture-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	if o.Keep {
		c.printf("Data and logs stay in %s", c.dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	}
	if c.binary, err = build(ctx, c.dir); err != nil {
		return nil, err
	}
	c.printf("seed %d", o.Seed)
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range stages() {
		if len(o.Stages) > 0 && !slices.Contains(o.Stages, s.name) {
			continue
		}
		plan := c.plan(s)
		if len(plan) == 0 {
			continue
		}
		group.Go(func() error {
			if err := c.play(ctx, s, plan); err != nil {
				return fmt.Errorf("stage %s: %w", s.name, err)
			}
			return nil
		})
	}
	err = group.Wait()
	c.report.took = time.Since(c.report.began)
	return &c.report, err
}

// build builds the service with the clock that can be moved.
func build(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the project; run this in its folder: %w", err)
	}
	binary := filepath.Join(dir, "cdds")
	command := exec.CommandContext(ctx, "go", "build", "-tags", "torture", "-o", binary, "./cmd/cdds")
	command.Dir = strings.TrimSpace(string(root))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the service: %w: %s", err, out)
	}
	return binary, nil
}

// stage is a way to install the service, and the faults that are done to it.
type stage struct {
	name     string
	nodes    int
	postgres bool // the metadata is in PostgreSQL
	disk     bool // the artifacts are on a small disk of their own
	kills    int  // its share of the kills, in percent
}

// stages lists them. Most of a kill's time with several nodes is waiting for
// the lost worker's lease to run out, so that most kills are done to one node.
func stages() []stage {
	return []stage{
		{name: "sqlite", nodes: 1, kills: 85},
		{name: "postgres", nodes: 2, postgres: true, kills: 15},
		{name: "disk", nodes: 1, disk: true},
	}
}

// plan lists the faults of a stage's rounds, in random order.
func (c *campaign) plan(s stage) []fault {
	var killing, other []fault
	for _, f := range c.faults() {
		switch {
		case !f.fits(s) || len(c.Only) > 0 && !slices.Contains(c.Only, f.name):
		case f.kills:
			killing = append(killing, f)
		default:
			other = append(other, f)
		}
	}
	var plan []fault
	for i := range (c.Kills*s.kills + 99) / 100 {
		if len(killing) > 0 {
			plan = append(plan, killing[i%len(killing)])
		}
	}
	for range c.Rounds {
		plan = append(plan, other...)
	}
	order := c.random(s.name, 0)
	order.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}

// random returns the random numbers of a round of a stage.
func (c *campaign) random(stage string, round int) *rand.Rand {
	name := fnv.New64a()
	fmt.Fprintf(name, "%s/%d", stage, round)
	return rand.New(rand.NewPCG(c.Seed, name.Sum64()))
}

// play plays the rounds of a stage.
func (c *campaign) play(ctx context.Context, s stage, plan []fault) (err error) {
	w, err := newWorld(ctx, c, s)
	if w != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	if errors.Is(err, errNoDisk) {
		for _, f := range plan {
			c.record(&round{fault: f, stage: s.name, findings: findings{stuck: 1, notes: []string{err.Error()}}})
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i, f := range plan {
		r := &round{world: w, stage: s.name, number: i + 1, fault: f, random: c.random(s.name, i+1)}
		if err := r.play(ctx); err != nil {
			return fmt.Errorf("round %d (%s): %w\n%s", i+1, f.name, err, w.logs())
		}
		c.record(r)
	}
	return nil
}

// record adds a round to the report and prints its line.
func (c *campaign) record(r *round) {
	c.mu.Lock()
	c.report.add(r)
	c.mu.Unlock()
	c.printf("%s", r)
}

func (c *campaign) printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.Out, format+"\n", args...)
}
