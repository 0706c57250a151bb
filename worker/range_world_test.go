package worker_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/cms"
	"cdds/export"
	"cdds/queue"
	"cdds/source"
	"cdds/store"
	"cdds/worker"
)

// Ranges of the tests are small: a run of 4,000 interactions is cut into eight of
// them, and one of attachments.
const (
	leastOfTests = 400
	mostOfTests  = 9
)

// inRanges has the workers of the world export large runs in ranges.
func (w *world) inRanges() {
	engine := *w.cfg.Engine
	engine.LeastRecords = leastOfTests
	w.cfg.Engine, w.cfg.MostRanges, w.cfg.Silence = &engine, mostOfTests, 2*time.Second
	w.cfg.CallHelp = w.callHelp
	w.cfg.HelpWaits = func(ctx context.Context) (bool, error) { return w.queue.HelpWaits(ctx) }
	w.Worker = worker.New(w.cfg)
}

// node is another worker, with a store and a queue of its own.
type node struct {
	*worker.Worker
	st    *store.Store
	queue *queue.Queue
	shut  func() // nothing of it reaches the database any more, as after kill -9
}

// node opens another node on the world's database. Its queue does not work yet.
func (w *world) node(t *testing.T, name string) *node {
	t.Helper()
	n := &node{}
	var err error
	n.st, err = store.Open(t.Context(), w.dsn)
	noError(t, err)
	n.shut = sync.OnceFunc(func() { noError(t, n.st.Close()) })
	t.Cleanup(n.shut)
	n.queue, err = queue.Open(queue.Config{DB: n.st.DB(), Postgres: n.st.Dialect() == store.Postgres, Workers: 1, Log: quiet()}, func(ctx context.Context, task queue.Task) error {
		if task.Help {
			return n.Help(ctx)
		}
		return n.Do(ctx, task.RunID, task.Attempt)
	})
	noError(t, err)
	cfg := w.cfg
	cfg.Store, cfg.Node = n.st, name
	n.Worker = worker.New(cfg)
	return n
}

// works lets the node work what comes until it is stopped, or the test ends.
func (n *node) works(t *testing.T) (stop func()) {
	t.Helper()
	noError(t, n.queue.Start(t.Context()))
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		noError(t, n.queue.Stop(ctx))
	})
	t.Cleanup(stop)
	return stop
}

// do begins to carry out the first attempt of a run, and returns where its end is
// told.
func do(w *worker.Worker, runID string) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- w.Do(context.Background(), runID, 1) }()
	return ended
}

// help begins to help with a range, and returns where its end is told.
func help(w *worker.Worker) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- w.Help(context.Background()) }()
	return ended
}

// ranges returns the ranges of a run.
func (w *world) ranges(t testing.TB, runID string) []store.Range {
	t.Helper()
	all, err := w.st.Ranges(context.WithoutCancel(t.Context()), runID)
	noError(t, err)
	return all
}

// until waits until something holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so in a minute", what)
		}
	}
}

// lines returns all records that a run has exported, sorted, and checks that its
// artifacts are numbered and named in order, that nothing else is stored of it, and
// that no file inside has the name of another one.
func (w *world) lines(t testing.TB, runID string) []string {
	t.Helper()
	run := w.wantState(t, runID, cdds.RunFinished)
	files, err := w.st.ArtifactsOfRun(t.Context(), runID)
	noError(t, err)
	var all, keys []string
	inside := map[string]bool{}
	for i, f := range files {
		equal(t, "part", []any{f.Part, f.Parts, f.Name}, []any{i + 1, len(files), cdds.ArtifactName(runID, i+1)})
		keys = append(keys, f.Key)
		all = append(all, w.open(t, f, inside)...)
	}
	var stored []string
	for _, key := range w.objects(t) {
		if strings.HasPrefix(key, cdds.RunPrefix(run.TenantID, runID)) {
			stored = append(stored, key)
		}
	}
	slices.Sort(keys)
	equal(t, "what is stored", stored, keys)
	equal(t, "records by the run", run.Progress.Records, int64(len(all)))
	slices.Sort(all)
	return all
}

// open decrypts an artifact and returns its lines.
func (w *world) open(t testing.TB, f cdds.Artifact, inside map[string]bool) []string {
	t.Helper()
	body, err := w.bucket.ReadAll(t.Context(), f.Key)
	noError(t, err)
	key, err := keyPair()
	noError(t, err)
	own, err := w.st.Certificate(t.Context(), w.ann.User.ID)
	noError(t, err)
	cert, err := own.X509()
	noError(t, err)
	plain, err := cms.Decrypt(bytes.NewReader(body), cert, key)
	noError(t, err)
	var lines []string
	noError(t, export.ReadZip(plain, func(name string, content io.Reader) error {
		if inside[name] {
			t.Errorf("%s is there twice", name)
		}
		inside[name] = true
		scan := bufio.NewScanner(content)
		scan.Buffer(nil, 16<<20)
		for scan.Scan() {
			lines = append(lines, scan.Text())
		}
		return scan.Err()
	}))
	return lines
}

// inOneGo exports the same as a run without ranges and returns its records. No
// queue may be at work, which would carry it out in ranges.
func (w *world) inOneGo(t testing.TB, like cdds.Run) []string {
	t.Helper()
	w.source.beforeRanges(nil)
	w.source.beforeReads(nil)
	cfg := w.cfg
	cfg.MostRanges = 1
	again := w.parted(t, cdds.Job{ID: like.JobID})
	noError(t, worker.New(cfg).Do(t.Context(), again.ID, 1))
	return w.lines(t, again.ID)
}

// wantAll checks that a run has exported each record once, as a run in one go does,
// and that its manifest accounts for that in the order of the keys.
func (w *world) wantAll(t testing.TB, run cdds.Run) {
	t.Helper()
	got := w.lines(t, run.ID)
	want := w.inOneGo(t, run)
	if !slices.Equal(got, want) {
		t.Fatalf("%d records were exported in ranges and %d in one go, and they are not the same", len(got), len(want))
	}
	body, err := w.st.Manifest(t.Context(), run.TenantID, run.ID)
	noError(t, err)
	m, err := export.ParseManifest(body)
	noError(t, err)
	var total int64
	last := map[source.Entity]string{}
	for _, a := range m.Artifacts {
		for _, f := range a.Files {
			total += f.Records
			first, end := fmt.Sprint(f.FirstKey), fmt.Sprint(f.LastKey)
			if first <= last[f.Entity] || end < first || f.Entity == source.Interaction && last[source.Attachment] != "" {
				t.Errorf("%s goes from %s to %s, behind %s", f.Name, first, end, last[f.Entity])
			}
			last[f.Entity] = end
		}
	}
	equal(t, "records by the manifest", total, int64(len(got)))
	if m.Snapshot.First.IsZero() || m.Snapshot.Last.Before(m.Snapshot.First) {
		t.Errorf("snapshots from %s to %s", m.Snapshot.First, m.Snapshot.Last)
	}
}

// attempts returns which attempts of each range the artifacts of a run come from.
func (w *world) attempts(t testing.TB, runID string) map[int][]int {
	t.Helper()
	files, err := w.st.ArtifactsOfRun(t.Context(), runID)
	noError(t, err)
	out := map[int][]int{}
	for _, f := range files {
		_, number, attempt, ok := cdds.ParseRangeKey(f.Key)
		if !ok {
			t.Fatalf("%s is of no range", f.Key)
		}
		if !slices.Contains(out[number], attempt) {
			out[number] = append(out[number], attempt)
		}
	}
	return out
}

// hurry lets the clock of the workers run a hundred times as fast until the test
// ends, so that waits are short.
func (w *world) hurry(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for tick := time.Tick(10 * time.Millisecond); ctx.Err() == nil; <-tick {
			w.clock.Add(int64(time.Second))
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}
