package worker_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/export"
	"cdds/pgtest"
	"cdds/queue"
	"cdds/source"
	"cdds/source/sample"
	"cdds/source/sqlite"
	"cdds/store"
	"cdds/telemetry"
	"cdds/worker"
)

// now is the moment at which the tests happen, where the sample ends. It lies
// in the past of every machine, so that the queue never waits.
var now = time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return now.Add(d) }

// patience bounds the waits for what must happen.
const patience = time.Minute

// postgres is the private server of these tests.
var postgres pgtest.Pool

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// databases are copies of migrated ones.
var databases = pgtest.Copies{Pool: &postgres, Prepare: migrated}

// migrated makes all tables.
func migrated(ctx context.Context, dsn string) error {
	st, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(control.Migrate(ctx, st), st.Close())
}

// world is a worker on a real database, queue, bucket and Contact History.
type world struct {
	*worker.Worker
	cfg    worker.Config
	dsn    string
	clock  atomic.Int64 // how far it has moved on from now
	ctl    *control.Control
	st     *store.Store
	queue  *queue.Queue
	bucket *blob.Bucket
	source *watched
	ann    control.Caller
	probe  *telemetry.Probe
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, kind))
		})
	}
}

func newWorld(t *testing.T, kind store.Dialect) *world {
	t.Helper()
	return newWorldOn(t, kind, databases.New(t, kind == store.Postgres))
}

// newWorldOn makes a world on a database that is empty or has all tables.
func newWorldOn(t *testing.T, kind store.Dialect, dsn string) *world {
	t.Helper()
	w := &world{dsn: dsn, source: openSource(t), probe: telemetry.New(telemetry.Config{Version: "test", Node: "node", Workers: 4})}
	var err error
	w.st, err = store.Open(t.Context(), dsn)
	noError(t, err)
	t.Cleanup(func() { noError(t, w.st.Close()) })
	noError(t, w.st.Migrate(t.Context()))
	w.queue, err = queue.Open(queue.Config{DB: w.st.DB(), Postgres: kind == store.Postgres, Workers: 4, Log: quiet()},
		func(ctx context.Context, task queue.Task) error { return w.Do(ctx, task.RunID, task.Attempt) })
	noError(t, err)
	noError(t, w.queue.Migrate(t.Context()))
	w.bucket, err = fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	noError(t, err)
	t.Cleanup(func() { noError(t, w.bucket.Close()) })
	w.ctl = control.New(control.Config{Store: w.st, Queue: w.queue, Bucket: w.bucket, Log: quiet()})
	w.cfg = worker.Config{
		Store: w.st, Engine: &export.Engine{Bucket: w.bucket, Workers: 1, RangeRecords: 100},
		Sources: source.NewRegistry(map[string]func(context.Context) (source.Source, error){
			"": func(context.Context) (source.Source, error) { return w.source, nil },
		}),
		Node: "node", Version: "test", Retention: 24 * time.Hour,
		Enqueue: func(ctx context.Context, tx *sql.Tx, runID string, attempt int, at time.Time) error {
			return w.queue.Enqueue(ctx, tx, queue.Task{RunID: runID, Attempt: attempt}, at)
		},
		EncodeJob: func(cdds.JobSpec) ([]byte, error) { return []byte(`{}`), nil },
		Stopping:  func(ctx context.Context) bool { return errors.Is(context.Cause(ctx), queue.ErrStopping) },
		Now:       func() time.Time { return at(time.Duration(w.clock.Load())) },
		Log:       quiet(),
		Probe:     w.probe,
	}
	w.Worker = worker.New(w.cfg)
	user, err := w.ctl.AddUser(t.Context(), control.NewUser{Username: "ann", Password: "correct horse battery", Role: cdds.RoleAdministrator, Tenant: "Alpha", TenantSourceID: 101}, now)
	noError(t, err)
	w.ann = control.Caller{User: user}
	w.certificate(t, 2099)
	return w
}

// callHelp calls a worker to help with a run.
func (w *world) callHelp(ctx context.Context, tx *sql.Tx, runID string, at time.Time) error {
	return w.queue.Enqueue(ctx, tx, queue.Task{RunID: runID, Help: true}, at)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openSource opens a small sample that ends at now.
func openSource(t *testing.T) *watched {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	_, err := sample.Write(t.Context(), path, sample.Options{Interactions: 500, Contacts: 100, End: now})
	noError(t, err)
	real, err := sqlite.Open(path, sqlite.Options{})
	noError(t, err)
	t.Cleanup(func() { noError(t, real.Close()) })
	return &watched{Source: real}
}

// keyPair is the one key of the tests; making one takes a while.
var keyPair = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// certificate gives Ann a certificate that is valid until the given year.
func (w *world) certificate(t testing.TB, until int) {
	t.Helper()
	key, err := keyPair()
	noError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ann"},
		NotBefore: time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(until, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	noError(t, err)
	_, err = w.ctl.ImportCertificate(t.Context(), w.ann, der, template.NotAfter.AddDate(-1, 0, 0))
	noError(t, err)
}

// job saves an hourly job with a timeframe.
func (w *world) job(t testing.TB, frame cdds.Timeframe) cdds.Job {
	t.Helper()
	job, err := w.ctl.CreateJob(t.Context(), w.ann, cdds.JobSpec{
		Title: "Hourly", Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction,
		Schedule: cdds.Schedule{Kind: cdds.Hourly, Every: 1}, Timeframe: frame,
	}, control.Once{}, at(-24*time.Hour))
	noError(t, err)
	return job
}

// start makes a run of a job for an instant.
func (w *world) start(t testing.TB, job cdds.Job, scheduledFor time.Time) cdds.Run {
	t.Helper()
	run, err := w.ctl.StartRun(t.Context(), w.ann, job.ID, control.Once{}, scheduledFor)
	noError(t, err)
	return run
}

// everything makes a run of a new job that exports all there is.
func (w *world) everything(t testing.TB) cdds.Run {
	t.Helper()
	return w.start(t, w.job(t, cdds.Timeframe{Kind: cdds.FrameAll}), now)
}

// run returns a run as it is.
func (w *world) run(t testing.TB, id string) cdds.Run {
	t.Helper()
	run, err := w.st.RunByID(t.Context(), id)
	noError(t, err)
	return run
}

// wantState checks the state of a run and returns it.
func (w *world) wantState(t testing.TB, id string, want cdds.RunState) cdds.Run {
	t.Helper()
	run := w.run(t, id)
	if run.State != want {
		t.Fatalf("the run is %s, want %s (failure %+v)", run.State, want, run.Failure)
	}
	return run
}

// objects returns the keys of all that is stored.
func (w *world) objects(t testing.TB) []string {
	t.Helper()
	var keys []string
	for list := w.bucket.List(nil); ; {
		object, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return keys
		}
		noError(t, err)
		keys = append(keys, object.Key)
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}
