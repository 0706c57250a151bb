// Command torture breaks the service on purpose and looks whether anything is
// lost, doubled or stuck.
//
// It starts the real binary as child processes on private PostgreSQL servers,
// has them export over the HTTP API as a user would, and in each round does one
// thing that goes wrong in real life, at a random moment of a random phase.
// Then it waits until all runs have ended, downloads and decrypts what they
// made, compares the records with the database, and looks into the service's
// tables and its storage for what should not be there.
//
//	campaign ─▶ stage (a world: servers, nodes, clock) ─▶ round: order ─▶ fault ─▶ wait ─▶ compare, inspect
//
// What it did is decided by a seed, which it prints. It exits with 1 unless
// everything is zero. docs/reliability.md says what is done and what came out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

// run reads the command line, carries the campaign out and prints its result.
func run(ctx context.Context) int {
	o := options{Out: os.Stdout}
	var only, stages string
	flag.IntVar(&o.Kills, "kills", 200, "at least so many nodes are killed with SIGKILL")
	flag.IntVar(&o.Rounds, "rounds", 4, "rounds of each other fault, for each stage that has it")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().Unix()), "decides all that is random; printed for a repetition")
	flag.IntVar(&o.Interactions, "interactions", 24000, "size of the Contact History")
	flag.StringVar(&only, "only", "", "faults, separated by commas; all others are left out")
	flag.StringVar(&stages, "stages", "", "stages, separated by commas: sqlite, postgres, disk; default is all")
	flag.Float64Var(&o.Patience, "patience", 1, "multiplies all time limits, for slow machines")
	flag.BoolVar(&o.Keep, "keep", false, "keep the folder with data and logs")
	flag.Parse()
	o.Only, o.Stages = list(only), list(stages)
	result, err := torture(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	result.print(os.Stdout)
	if !result.clean() {
		return 1
	}
	return 0
}

// list splits a text at its commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
