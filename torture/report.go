package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// findings are what is wrong after a round. lost counts records, occurrences
// and stored bytes that should be there and are not; doubled counts records and
// occurrences that are there too often; stuck counts all that did not come to
// its right end: runs, attempts, tasks, nodes, and bytes that nobody owns.
type findings struct {
	lost, doubled, stuck int
	notes                []string // what, in words
}

func (f *findings) lose(n int, format string, args ...any) {
	f.lost += n
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *findings) double(n int, format string, args ...any) {
	f.doubled += n
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *findings) stick(format string, args ...any) {
	f.stuck++
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// row is what a fault has done in all its rounds.
type row struct {
	findings
	times int
	late  int            // times that it came when all runs had ended
	said  map[string]int // sentences in the runs' details
}

// report is the result of a campaign.
type report struct {
	seed    uint64
	began   time.Time
	took    time.Duration
	rows    map[string]*row // by the fault's name
	kills   int
	runs    int
	records int
}

// add adds a round.
func (p *report) add(r *round) {
	if p.rows == nil {
		p.rows = map[string]*row{}
	}
	line := p.rows[r.fault.name]
	if line == nil {
		line = &row{said: map[string]int{}}
		p.rows[r.fault.name] = line
	}
	line.times++
	if r.late {
		line.late++
	}
	line.lost += r.lost
	line.doubled += r.doubled
	line.stuck += r.stuck
	line.notes = append(line.notes, r.notes...)
	for _, sentence := range r.said {
		line.said[sentence]++
	}
	p.kills += r.kills
	p.runs += r.runs
	p.records += r.records
}

// sum adds the rows up.
func (p *report) sum() row {
	var all row
	for _, line := range p.rows {
		all.times += line.times
		all.late += line.late
		all.lost += line.lost
		all.doubled += line.doubled
		all.stuck += line.stuck
	}
	return all
}

// clean reports whether nothing is lost, doubled or stuck.
func (p *report) clean() bool {
	all := p.sum()
	return all.lost == 0 && all.doubled == 0 && all.stuck == 0
}

// print prints the table, what the runs say of their faults, and the summary.
func (p *report) print(w io.Writer) {
	names := slices.Sorted(maps.Keys(p.rows))
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fault\ttimes\tlate\tlost\tdoubled\tstuck\t")
	for _, name := range names {
		line := p.rows[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t\n", name, line.times, line.late, line.lost, line.doubled, line.stuck)
	}
	all := p.sum()
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t%d\t%d\t\n", all.times, all.late, all.lost, all.doubled, all.stuck)
	if err := table.Flush(); err != nil {
		fmt.Fprintln(w, err)
	}
	fmt.Fprintln(w, "\nWhat the runs said:")
	for _, name := range names {
		said := p.rows[name].said
		fmt.Fprintf(w, "  %s\n", name)
		for _, sentence := range slices.SortedFunc(maps.Keys(said), func(a, b string) int { return cmp.Or(said[b]-said[a], strings.Compare(a, b)) }) {
			fmt.Fprintf(w, "    %4d  %s\n", said[sentence], sentence)
		}
	}
	for _, name := range names {
		for _, note := range p.rows[name].notes {
			fmt.Fprintf(w, "WRONG  %s: %s\n", name, note)
		}
	}
	fmt.Fprintf(w, "\n%d faults, %d nodes killed with SIGKILL, %d runs and %d records compared in %s: lost %d, doubled %d, stuck %d (seed %d)\n",
		all.times, p.kills, p.runs, p.records, p.took.Round(time.Second), all.lost, all.doubled, all.stuck, p.seed)
}
