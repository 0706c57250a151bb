package scheduler_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/pgtest"
	"cdds/queue"
	"cdds/scheduler"
	"cdds/store"
)

// now is the moment at which the tests begin.
var now = time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return now.Add(d) }

const password = "correct horse battery"

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

// world is what a scheduler works on: a real database, queue and bucket.
type world struct {
	store   *store.Store
	control *control.Control
	bucket  *blob.Bucket
	ann     control.Caller
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
	st, err := store.Open(t.Context(), databases.New(t, kind == store.Postgres))
	noError(t, err)
	t.Cleanup(func() { noError(t, st.Close()) })
	q, err := queue.Open(queue.Config{DB: st.DB(), Postgres: kind == store.Postgres, Log: quiet()}, nil)
	noError(t, err)
	bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	noError(t, err)
	t.Cleanup(func() { noError(t, bucket.Close()) })
	w := &world{store: st, bucket: bucket, control: control.New(control.Config{Store: st, Queue: q, Bucket: bucket, Log: quiet()})}
	user, err := w.control.AddUser(t.Context(), control.NewUser{Username: "ann", Password: password, Role: cdds.RoleAdministrator, Tenant: "Alpha", TenantSourceID: 101}, now)
	noError(t, err)
	w.ann = control.Caller{User: user}
	_, err = w.control.ImportCertificate(t.Context(), w.ann, certificate(t), now)
	noError(t, err)
	return w
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func certificate(t testing.TB) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	noError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(80, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	noError(t, err)
	return der
}

// scheduler returns a new scheduler, as another node would have it.
func (w *world) scheduler() *scheduler.Scheduler { return scheduler.New(w.store, w.control, quiet()) }

// create saves a job.
func (w *world) create(t testing.TB, schedule cdds.Schedule) cdds.Job {
	t.Helper()
	job, err := w.control.CreateJob(t.Context(), w.ann, cdds.JobSpec{
		Title: "Job", Source: cdds.SourceContactHistory, Type: cdds.TypeContact,
		Schedule: schedule, Timeframe: cdds.Timeframe{Kind: cdds.FrameHour},
	}, control.Once{}, now)
	noError(t, err)
	return job
}

// start makes a run of a job at once.
func (w *world) start(t testing.TB, job cdds.Job) cdds.Run {
	t.Helper()
	run, err := w.control.StartRun(t.Context(), w.ann, job.ID, control.Once{}, now)
	noError(t, err)
	return run
}

// begin lets a worker begin an attempt, with a lease of 30 seconds.
func (w *world) begin(t testing.TB, run cdds.Run, attempt int, when time.Time) {
	t.Helper()
	noError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error {
		mine, err := tx.StartAttempt(t.Context(), store.Start{
			RunID: run.ID, Attempt: attempt, Node: "node", Window: run.Window, Now: when,
		})
		if err == nil && !mine {
			t.Errorf("attempt %d was not let begin", attempt)
		}
		return err
	}))
}

// finish brings a run to its end, with one artifact that is kept for a while.
func (w *world) finish(t testing.TB, run cdds.Run, until time.Time) cdds.Artifact {
	t.Helper()
	w.begin(t, run, 1, now)
	name := cdds.ArtifactName(run.ID, 0)
	a := cdds.Artifact{
		ID: "artifact", TenantID: run.TenantID, RunID: run.ID, JobID: run.JobID, Title: run.Spec.Title, Type: run.Spec.Type,
		Name: name, Key: cdds.ArtifactPrefix(run.TenantID, run.ID, 1) + name, Part: 1, Parts: 1, Size: 4,
		SHA256: strings.Repeat("0", 64), CreatedAt: now, ExpiresAt: until,
	}
	w.put(t, a.Key)
	noError(t, w.store.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Finish(t.Context(), store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: now, Artifacts: []cdds.Artifact{a}})
		return err
	}))
	return a
}

func (w *world) put(t testing.TB, key string) {
	t.Helper()
	noError(t, w.bucket.WriteAll(t.Context(), key, []byte("data"), nil))
}

func (w *world) has(t testing.TB, key string) bool {
	t.Helper()
	there, err := w.bucket.Exists(t.Context(), key)
	noError(t, err)
	return there
}

func (w *world) run(t testing.TB, id string) cdds.Run {
	t.Helper()
	run, err := w.store.RunByID(t.Context(), id)
	noError(t, err)
	return run
}

func (w *world) runs(t testing.TB, jobID string) []cdds.Run {
	t.Helper()
	page, err := w.store.Runs(t.Context(), store.RunQuery{TenantID: w.ann.User.TenantID, JobID: jobID, Paging: store.Paging{Limit: 500}})
	noError(t, err)
	return page.Items
}

// tasks counts the queue's tasks.
func (w *world) tasks(t testing.TB) (n int) {
	t.Helper()
	noError(t, w.store.DB().QueryRowContext(context.Background(), `SELECT count(*) FROM river_job`).Scan(&n))
	return n
}

// refuseRunsOf lets the database refuse all new runs of a job.
func (w *world) refuseRunsOf(t testing.TB, jobID string) {
	t.Helper()
	statement := `ALTER TABLE runs ADD CHECK (job_id <> '` + jobID + `')`
	if w.store.Dialect() == store.SQLite {
		statement = `CREATE TRIGGER refuse BEFORE INSERT ON runs WHEN NEW.job_id = '` + jobID + `' BEGIN SELECT RAISE(ABORT, 'refused'); END`
	}
	_, err := w.store.DB().Exec(statement)
	noError(t, err)
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}
