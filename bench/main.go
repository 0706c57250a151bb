// Command bench measures the export engine against what people do without it,
// on the same table, in the same run, on the machine at hand:
//
//	real conversations ─▶ a private PostgreSQL ─┬─▶ ours, each way in a process of its own
//	                                            └─▶ psql | zip | openssl and their like
//
// All ways take turns, several times, since a machine that others use is not
// equally fast all the time; what is printed are medians of ratios within a
// turn. Wall time, CPU seconds of the client's processes and of the server's,
// memory and size are taken of each. In the first turn everything is read back:
// records are counted, and each line must be one JSON text.
//
// It is no part of the product. It needs the data beside the project, the
// server's programs, openssl, zip, unzip and pigz. It listens on the loopback
// interface alone, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"cdds/pgtest"
)

// options are the flags of a measurement.
type options struct {
	megabytes int    // of JSON Lines, about
	repeats   int    // turns
	madeUp    bool   // prose in rows that are filled, instead of the real conversations
	shuffled  bool   // the table's order on disk is not that of its key
	only      string // expression on the names of ways
	root      string // of the project
	dir       string // for what is written
	profile   string // where to write the profile of ours
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the processes that are measured.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) > 0 && args[0] == childCommand {
		return child(ctx, args[1:], out)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.megabytes, "size", 600, "megabytes of JSON Lines to export, about")
	flags.IntVar(&o.repeats, "repeats", 5, "how many times all ways take their turn")
	flags.BoolVar(&o.madeUp, "made-up", false, "export made-up prose in rows whose columns are all filled, instead of the real conversations")
	flags.BoolVar(&o.shuffled, "shuffled", false, "lay the table's rows on disk in another order than that of their key")
	flags.StringVar(&o.only, "only", "", "measure only the ways whose names this expression matches, and what they are compared with")
	flags.StringVar(&o.root, "root", ".", "the project's folder; the data lies in ../shared/data beside it")
	flags.StringVar(&o.dir, "dir", "", "folder for what is written (default: a temporary one)")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of the default export to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("read the expression: %w", err)
	}
	if err := findPrograms(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "cdds-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return measure(ctx, o, only, dir, out)
}

// measure makes the database and lets all ways take their turns.
func measure(ctx context.Context, o options, only *regexp.Regexp, dir string, out io.Writer) (err error) {
	server, err := pgtest.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	b := &bench{options: o, server: server, dir: dir}
	say("loading %s, about %d MB of JSON Lines ...", o.data(), o.megabytes)
	if b.history, err = load(ctx, server, o); err != nil {
		return err
	}
	if b.identity, err = newIdentity(filepath.Join(dir, "certificate.pem")); err != nil {
		return err
	}
	if err := b.makeSample(ctx); err != nil {
		return err
	}
	ways := b.ways(only)
	for turn := range o.repeats {
		for _, w := range ways {
			if err := b.turn(ctx, w, turn == 0); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			say("turn %d of %d: %-52s %s", turn+1, o.repeats, w.name, w.uses[turn])
		}
	}
	return b.report(out, ways)
}

// data is what the records are.
func (o options) data() string {
	if o.madeUp {
		return "made-up prose"
	}
	return "real conversations"
}

// say tells a person who waits what happens.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
