//go:build long

package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"cdds"
	"cdds/pgtest"
	"cdds/source"
	"cdds/source/postgres"
)

const (
	// Many short turns: what else the machine does changes from one to the next.
	pgbenchSeconds = 2
	pgbenchRounds  = 24
	// pgbenchRecords are exported again and again while pgbench runs.
	pgbenchRecords = 40_000
)

// pgbenchHistory fills interactions with about 1.5 KB each, and the mail of a
// tenth of them.
const pgbenchHistory = `
insert into contact (id, tenantid, createddate) select 'c' || n, 101, '2024-01-01Z' from generate_series(1, 1000) n;
insert into interaction (id, tenantid, contactid, threadid, entitytypeid, mediatypeid, typeid, status, startdate, modifieddate, subject, text, ownerid, queuename, allattributes)
	select 'i' || lpad(n::text, 9, '0'), 101, 'c' || (1 + mod(n, 1000)), 't' || n / 3, 0, 'email', 'Inbound', 3, timestamptz '2024-01-01Z' + n * interval '1 minute', timestamptz '2024-01-02Z' + n * interval '1 minute',
		'Subject of ' || n, md5(n::text) || substr(talk, 1 + mod(n * 7, 18000), 1300), 'agent' || mod(n, 50), 'queue' || mod(n, 9), jsonb_build_object('number', n, 'what', md5(n::text))
	from generate_series(1, %d) n, (select string_agg(md5(i::text) || ' the customer says that ', '') talk from generate_series(1, 400) i) t;
insert into interaction_email (interactionid, fromaddress, toaddresses, sentdate) select id, 'customer@example.com', 'desk@example.com', startdate from interaction where id like '%%3'`

// TestWhatPgbenchKeeps runs pgbench on a server whose history is exported at
// the same time, without and with a ceiling, and prints what share of its
// transactions is left, beside its runs alone just before and after. All of
// it, pgbench and the export as well, happens on this one machine.
func TestWhatPgbenchKeeps(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.DSN("postgres", "postgres")
	psql := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), server.Program("psql"), append([]string{"-q", "-v", "ON_ERROR_STOP=1", "-d", dsn}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("psql: %v: %s", err, out)
		}
	}
	psql("-f", "../../shared/data/contact-history.sql")
	psql("-c", fmt.Sprintf(pgbenchHistory, pgbenchRecords), "-c", "vacuum analyze")
	pgbench(t, server, dsn, "-i", "-q", "-s", "10")
	arms := []struct {
		name   string
		limits source.Limits
	}{
		{"no ceiling", source.Limits{}},
		{"2,000 records/s", source.Limits{RecordsPerSecond: 2_000}},
		{"1,000 records/s", source.Limits{RecordsPerSecond: 1_000}},
	}
	ratios := make([][]float64, len(arms))
	rates, beside, with := make([]float64, len(arms)), make([]float64, len(arms)), make([]float64, len(arms))
	alone := func() float64 { return tps(t, server, dsn) }
	before := alone()
	for range pgbenchRounds {
		for i, arm := range arms {
			stop := exportAlways(t, dsn, arm.limits)
			shared := tps(t, server, dsn)
			rates[i] += stop() / pgbenchRounds
			after := alone()
			ratios[i] = append(ratios[i], shared/((before+after)/2))
			with[i], beside[i] = with[i]+shared, beside[i]+(before+after)/2
			before = after
		}
	}
	for i, arm := range arms {
		slices.Sort(ratios[i])
		fmt.Printf("%-18s pgbench keeps %3.0f%% (median of the turns %3.0f%%, half of them %3.0f%% to %3.0f%%), %6.0f records/s exported\n", arm.name,
			100*with[i]/beside[i], 100*ratios[i][pgbenchRounds/2], 100*ratios[i][pgbenchRounds/4], 100*ratios[i][3*pgbenchRounds/4], rates[i])
	}
}

// pgbench runs pgbench on the server's own machine.
func pgbench(t *testing.T, server *pgtest.Server, dsn string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), server.Program("pgbench"), append(args, dsn)...).CombinedOutput()
	if err != nil {
		t.Fatalf("pgbench: %v: %s", err, out)
	}
	return string(out)
}

// tps is how many transactions pgbench makes in a second.
func tps(t *testing.T, server *pgtest.Server, dsn string) float64 {
	t.Helper()
	out := pgbench(t, server, dsn, "-n", "-M", "prepared", "-c", "4", "-j", "1", "-T", strconv.Itoa(pgbenchSeconds))
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("pgbench says %s", out)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	must(t, err)
	return n
}

// exportAlways exports again and again, and returns when the first export has
// counted its records and reads. stop ends it and returns how many records were
// read in a second.
func exportAlways(t *testing.T, dsn string, limits source.Limits) (stop func() float64) {
	t.Helper()
	src, err := postgres.Open(t.Context(), dsn, postgres.Options{})
	must(t, err)
	spec := newSpec(newIdentity(t))
	spec.Type, spec.TenantID, spec.Window, spec.By = cdds.TypeInteraction, 101, cdds.Window{End: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}, cdds.ByStartDate
	e := &Engine{Source: source.NewGuard(src, limits, slog.New(slog.DiscardHandler)), Bucket: folderBucket(t, t.TempDir())}
	ended := errors.New("pgbench has ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan int64)
	progress := make(chan *Progress, 1)
	go func() {
		var records int64
		for ctx.Err() == nil {
			var p Progress
			select {
			case progress <- &p:
			default: // only the first is looked at
			}
			if _, err := e.Run(ctx, spec, &p); err != nil && !errors.Is(err, ended) {
				t.Errorf("export: %v", err)
				cancel(err)
			}
			records += p.Records.Load()
		}
		done <- records
	}()
	for first := <-progress; first.Records.Load() == 0 && ctx.Err() == nil; {
		time.Sleep(10 * time.Millisecond)
	}
	begin := time.Now()
	return func() float64 {
		cancel(ended)
		rate := float64(<-done) / time.Since(begin).Seconds()
		must(t, src.Close())
		return rate
	}
}
