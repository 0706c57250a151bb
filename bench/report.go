package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// median returns the middle one of some figures.
func median(figures []float64) float64 {
	slices.Sort(figures)
	n := len(figures)
	if n == 0 {
		return 0
	}
	return (figures[(n-1)/2] + figures[n/2]) / 2
}

// of returns the median of a figure of all turns.
func (w *way) of(figure func(usage) float64) float64 {
	var figures []float64
	for _, u := range w.uses {
		figures = append(figures, figure(u))
	}
	return median(figures)
}

// against returns the median of the ratios of a figure to another way's in the
// same turn.
func (w *way) against(other *way, figure func(usage) float64) float64 {
	var ratios []float64
	for i, u := range w.uses {
		if theirs := figure(other.uses[i]); theirs > 0 {
			ratios = append(ratios, figure(u)/theirs)
		}
	}
	return median(ratios)
}

func wall(u usage) float64   { return u.wall.Seconds() }
func cpu(u usage) float64    { return u.cpu().Seconds() }
func client(u usage) float64 { return u.client.Seconds() }
func served(u usage) float64 { return u.server.Seconds() }
func memory(u usage) float64 { return float64(u.memory) / (1 << 20) }
func size(u usage) float64   { return float64(u.size) / 1e6 }

// report prints the table in Markdown.
func (b *bench) report(out io.Writer, ways []*way) error {
	find := func(name string) *way {
		return ways[slices.IndexFunc(ways, func(w *way) bool { return w.name == name })]
	}
	rival, parallel, bare := find(rivalName), find(parallelName), find(copyName)
	layout := "in the order of the key"
	if b.shuffled {
		layout = "in random order"
	}
	var t strings.Builder
	fmt.Fprintf(&t, "%s, %d CPUs, %d interactions of %s and %d attachments, laid out %s; medians of %d turns.\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), b.history.interactions, b.data(), b.history.attachments, layout, b.repeats)
	t.WriteString("| way | times as fast as zip -6 | as pigz | wall against COPY | CPU against zip -6 | CPU s client | CPU s server | memory MiB | size MB | size against zip -6 | wall s |\n")
	t.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, w := range ways {
		same := w.records == b.history.interactions
		ratio := func(other *way, figure func(usage) float64, inverse bool) string {
			r := w.against(other, figure)
			if !same || r == 0 {
				return ""
			}
			if inverse {
				r = 1 / r
			}
			return fmt.Sprintf("%.2f", r)
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s | %.2f | %.2f | %.0f | %.1f | %s | %.2f |\n", strings.ReplaceAll(w.name, "|", "\\|"), ratio(rival, wall, true), ratio(parallel, wall, true), ratio(bare, wall, false), ratio(rival, cpu, false),
			w.of(client), w.of(served), w.of(memory), w.of(size), ratio(rival, size, false), w.of(wall))
	}
	_, err := io.WriteString(out, t.String())
	return err
}
