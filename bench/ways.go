package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cdds/pgtest"
	"cdds/source/sample"
)

// bench is one measurement.
type bench struct {
	options
	server   *pgtest.Server
	history  history
	identity identity
	dir      string
}

// way is one way to export.
type way struct {
	name string
	// commands are the commands of the pipe, given the folder for the files.
	commands func(dir string) [][]string
	// count reads what the way wrote and returns how many interactions it holds.
	count   func(ctx context.Context, dir, said string) (int64, error)
	records int64 // that there must be; 0: it is not known before
	uses    []usage
}

// Names of the ways that others are compared with.
const (
	rivalName    = "psql row_to_json | zip -6 | openssl cms"
	parallelName = "psql row_to_json | pigz -p 2 -6 | openssl cms"
	copyName     = "the server's COPY binary alone, discarded"
)

// sampleInteractions is the size of the SQLite file.
const sampleInteractions = 100_000

// ways lists all ways that are to be measured.
func (b *bench) ways(only *regexp.Regexp) []*way {
	all := append(b.rivals(), b.ours()...)
	var out []*way
	for _, w := range all {
		if w.name == rivalName || w.name == parallelName || w.name == copyName || only.MatchString(w.name) {
			out = append(out, w)
		}
	}
	return out
}

// rivals are the ways that need nothing of ours.
func (b *bench) rivals() []*way {
	psqlAt := func(dsn, command string) []string {
		return []string{b.server.Program("psql"), "-X", "-d", dsn, "-c", command}
	}
	psql := func(command string) []string { return psqlAt(b.history.dsn, command) }
	seal := func(dir string) []string {
		return []string{"openssl", "cms", "-encrypt", "-aes256", "-binary", "-stream", "-outform", "DER", "-out", filepath.Join(dir, "sealed"), b.identity.file}
	}
	json := psql(copyOf(jsonQuery(), "stdout", jsonFormat))
	n := b.history.interactions
	return []*way{
		{name: copyName, records: n, count: copied, commands: func(string) [][]string {
			return [][]string{psql(copyOf(columnsQuery(), "'/dev/null'", "format binary"))}
		}},
		{name: "the same by one process of the server", records: n, count: copied, commands: func(string) [][]string {
			return [][]string{psqlAt(b.history.dsn+"&options=-c%20max_parallel_workers_per_gather%3D0", copyOf(columnsQuery(), "'/dev/null'", "format binary"))}
		}},
		{name: "the same in the order of the key", records: n, count: copied, commands: func(string) [][]string {
			return [][]string{psql(copyOf(columnsQuery()+" order by i.startdate, i.id", "'/dev/null'", "format binary"))}
		}},
		{name: rivalName, records: n, count: b.sealedLines(unzipped), commands: func(dir string) [][]string {
			return [][]string{json, {"zip", "-6", "-q", "-", "-"}, seal(dir)}
		}},
		{name: parallelName, records: n, count: b.sealedLines(gunzipped), commands: func(dir string) [][]string {
			return [][]string{json, {"pigz", "-p", "2", "-6"}, seal(dir)}
		}},
		{name: "psql row_to_json to a file", records: n, count: fileLines, commands: func(dir string) [][]string {
			return [][]string{psql(copyOf(jsonQuery(), "'"+filepath.Join(dir, "lines.json")+"'", jsonFormat))}
		}},
		{name: "psql CSV to a file", records: n, count: copied, commands: func(dir string) [][]string {
			return [][]string{psql(copyOf(columnsQuery(), "'"+filepath.Join(dir, "rows.csv")+"'", "format csv"))}
		}},
		{name: "pg_dump -Fc", records: n, count: b.dumped, commands: func(dir string) [][]string {
			return [][]string{{b.server.Program("pg_dump"), "-Fc", "-t", "interaction*", "-d", b.history.dsn, "-f", filepath.Join(dir, "dump")}}
		}},
	}
}

// ours are the engine's ways.
func (b *bench) ours() []*way {
	self := func(dsn, dir string, more ...string) []string {
		return append([]string{os.Args[0], childCommand, "-source", dsn, "-into", dir, "-certificate", b.identity.file}, more...)
	}
	n := b.history.interactions
	one := func(name string, more ...string) *way {
		return &way{name: name, records: n, count: b.artifacts, commands: func(dir string) [][]string {
			return [][]string{self(b.history.dsn, dir, more...)}
		}}
	}
	profile := []string(nil)
	if b.profile != "" {
		profile = []string{"-profile", b.profile}
	}
	lines := one("ours, JSON Lines without zip", "-lines")
	lines.count = fileLines
	sqlite := &way{name: "ours, from a SQLite file of other data", count: b.artifacts, records: sampleInteractions}
	sqlite.commands = func(dir string) [][]string { return [][]string{self("sqlite:"+b.samplePath(), dir)} }
	return []*way{lines, one("ours, one file, default", profile...), one("ours, 64 MiB parts", "-split", strconv.Itoa(64<<20)),
		one("ours, one file, fast", "-compression", "fast"), one("ours, one file, small", "-compression", "small"), sqlite}
}

func (b *bench) samplePath() string { return filepath.Join(b.dir, "history.db") }

// makeSample writes the SQLite file.
func (b *bench) makeSample(ctx context.Context) error {
	_, err := sample.Write(ctx, b.samplePath(), sample.Options{Interactions: sampleInteractions, Contacts: 10_000, End: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	return err
}

// turn lets a way export once. When it is checked, what it wrote is read back.
func (b *bench) turn(ctx context.Context, w *way, check bool) error {
	dir := filepath.Join(b.dir, "turn")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	said, u, err := pipe(ctx, b.server.PID(), w.commands(dir))
	if err == nil {
		u.size, err = sizeOf(dir)
	}
	if err == nil && check {
		var n int64
		n, err = w.count(ctx, dir, said)
		if err == nil && n != w.records {
			err = fmt.Errorf("it exported %d records, and there are %d", n, w.records)
		}
	}
	if fields := strings.Fields(said); err == nil && len(fields) == 2 && fields[0] != "COPY" {
		u.lines, err = strconv.ParseInt(fields[1], 10, 64)
	}
	w.uses = append(w.uses, u)
	return errors.Join(err, os.RemoveAll(dir))
}

// sizeOf is the size of all files in a folder.
func sizeOf(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("look at the files: %w", err)
	}
	var sum int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return 0, fmt.Errorf("look at a file: %w", err)
		}
		sum += info.Size()
	}
	return sum, nil
}

// findPrograms says what is missing, or installs it where that is allowed.
func findPrograms(ctx context.Context) error {
	var missing []string
	for _, name := range []string{"openssl", "zip", "unzip", "pigz"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		return fmt.Errorf("programs are missing; on Debian or Ubuntu: sudo apt-get install %s", strings.Join(missing, " "))
	}
	say("installing %s ...", strings.Join(missing, " "))
	install := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "-qq"}, missing...)...)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w: %s", strings.Join(missing, " "), err, out)
	}
	return nil
}
