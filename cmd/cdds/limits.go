package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cdds"
	"cdds/source"
	"cdds/telemetry"
)

// limitFlags are the settings that protect the database that is read. They
// hold for all runs of this node together.
type limitFlags struct {
	SourceRowsPerSecond int64         `help:"Most records read in a second; 0: no ceiling." default:"0" env:"CDDS_SOURCE_ROWS_PER_SECOND" placeholder:"N"`
	SourceMBPerSecond   float64       `help:"Most megabytes read in a second; 0: no ceiling." name:"source-mb-per-second" default:"0" env:"CDDS_SOURCE_MB_PER_SECOND" placeholder:"N"`
	SourceQuiet         []string      `help:"Hours in which nothing is read, in UTC or a zone, such as 08:00-18:00 or '22:00-06:00 Europe/Berlin'; several with commas." env:"CDDS_SOURCE_QUIET" placeholder:"HOURS"`
	SourceTimeout       time.Duration `help:"How long a read may go without a record before it is ended." default:"10m" env:"CDDS_SOURCE_TIMEOUT"`
	SourceMaxLag        time.Duration `help:"How far the source's replication may be behind before reading slows down; 0: any." default:"30s" env:"CDDS_SOURCE_MAX_LAG"`
}

// limits checks the settings.
func (f limitFlags) limits() (source.Limits, error) {
	if f.SourceRowsPerSecond < 0 || f.SourceMBPerSecond < 0 || f.SourceMaxLag < 0 || f.SourceTimeout < time.Second {
		return source.Limits{}, &cdds.Error{Code: cdds.CodeInvalid, Message: "A limit of the source is below what makes sense.",
			Hint: "The ceilings and --source-max-lag are 0 or more, --source-timeout is at least 1s."}
	}
	hours, err := cdds.ParseQuietHours(f.SourceQuiet)
	if err != nil {
		return source.Limits{}, err
	}
	const megabyte = 1e6
	l := source.Limits{
		RecordsPerSecond: f.SourceRowsPerSecond, BytesPerSecond: int64(f.SourceMBPerSecond * megabyte),
		Quiet: hours, NoProgress: f.SourceTimeout, MaxLag: f.SourceMaxLag,
	}
	if f.SourceMaxLag == 0 {
		l.MaxLag = -1
	}
	return l, nil
}

// guard opens the source behind its limits, and has it tell the probe how long
// they keep runs waiting.
func (f limitFlags) guard(ctx context.Context, s sourceFlags, data string, probe *telemetry.Probe, log *slog.Logger) (source.Source, error) {
	limits, err := f.limits()
	if err != nil {
		return nil, err
	}
	src, err := openSource(ctx, s.source(data), s.Mapping, s.SourceConnections)
	if err != nil {
		return nil, err
	}
	guard := source.NewGuard(sourceClock(src), limits, log)
	guard.Tell(probe.SourceWaited)
	return guard, nil
}

// diagnosis says which limits are set.
func (f limitFlags) diagnosis() diagnosis {
	const check = "source limits"
	if _, err := f.limits(); err != nil {
		return diagnose(check, "", err)
	}
	var set []string
	if f.SourceRowsPerSecond > 0 {
		set = append(set, fmt.Sprintf("at most %d records a second", f.SourceRowsPerSecond))
	}
	if f.SourceMBPerSecond > 0 {
		set = append(set, fmt.Sprintf("at most %g MB a second", f.SourceMBPerSecond))
	}
	for _, hours := range f.SourceQuiet {
		set = append(set, "quiet from "+strings.Replace(hours, "-", " to ", 1))
	}
	if len(set) == 0 {
		return diagnosis{Check: check, OK: true, Detail: "no ceiling and no quiet hours: exports read as fast as they can (docs/source-protection.md)"}
	}
	return diagnosis{Check: check, OK: true, Detail: strings.Join(set, ", ")}
}
