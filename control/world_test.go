package control_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"cdds"
	"cdds/control"
	"cdds/pgtest"
	"cdds/queue"
	"cdds/store"
	"cdds/telemetry"
)

// now is the moment at which the tests happen. It lies in the past of every
// machine, so that the queue never waits.
var now = time.Date(2020, 3, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return now.Add(d) }

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

// world is the verbs on a real database, queue and bucket, with two tenants
// that have an administrator each. Ann has a certificate, Bob has none.
type world struct {
	*control.Control
	st       *store.Store
	queue    *queue.Queue
	bucket   *blob.Bucket
	ann, bob control.Caller
	probe    *telemetry.Probe
}

const (
	password    = "correct horse battery"
	signOnLimit = 6 * time.Hour
)

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
	log := slog.New(slog.DiscardHandler)
	q, err := queue.Open(queue.Config{DB: st.DB(), Postgres: kind == store.Postgres, Log: log}, nil)
	noError(t, err)
	bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	noError(t, err)
	t.Cleanup(func() { noError(t, bucket.Close()) })
	probe := telemetry.New(telemetry.Config{Version: "test", Node: "node"})
	w := &world{Control: control.New(control.Config{Store: st, Queue: q, Bucket: bucket, Log: log, SignOnLimit: signOnLimit, Probe: probe}), st: st, queue: q, bucket: bucket, probe: probe}
	w.ann = w.user(t, "ann", "Alpha", 101)
	w.bob = w.user(t, "bob", "Beta", 102)
	_, err = w.ImportCertificate(t.Context(), w.ann, testCertificate(t), now)
	noError(t, err)
	return w
}

func (w *world) user(t testing.TB, name, tenant string, number int64) control.Caller {
	t.Helper()
	user, err := w.AddUser(t.Context(), control.NewUser{Username: name, Password: password, Role: cdds.RoleAdministrator, Tenant: tenant, TenantSourceID: number}, now)
	noError(t, err)
	return control.Caller{User: user, Address: "192.0.2.1"}
}

// keyPair is the one key of the tests; making one takes a while.
var keyPair = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// certificate makes a certificate that is valid in the given years.
func certificate(t testing.TB, from, to int) []byte {
	t.Helper()
	key, err := keyPair()
	noError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(from)), Subject: pkix.Name{CommonName: "ann"}, KeyUsage: x509.KeyUsageKeyEncipherment,
		NotBefore: time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	noError(t, err)
	return der
}

func testCertificate(t testing.TB) []byte { return certificate(t, 2015, 2099) }

// spec is a valid hourly job whose windows tile.
func spec() cdds.JobSpec {
	return cdds.JobSpec{
		Title: "Hourly", Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction,
		Schedule: cdds.Schedule{Kind: cdds.Hourly, Every: 1}, Timeframe: cdds.Timeframe{Kind: cdds.FrameHour},
	}
}

// onceSpec is a one-time job; a zero start is now.
func onceSpec(start time.Time) cdds.JobSpec {
	s := spec()
	s.Schedule = cdds.Schedule{Kind: cdds.Once, StartAt: start}
	return s
}

// create saves a job of Ann's.
func (w *world) create(t testing.TB, s cdds.JobSpec) cdds.Job {
	t.Helper()
	return got(w.CreateJob(t.Context(), w.ann, s, control.Once{}, now))(t)
}

// runs returns the runs of a job, oldest occurrence first.
func (w *world) runs(t testing.TB, jobID string) []cdds.Run {
	t.Helper()
	page, err := w.st.Runs(t.Context(), store.RunQuery{TenantID: w.ann.User.TenantID, JobID: jobID, Paging: store.Paging{Sort: "scheduledFor", Limit: 500}})
	noError(t, err)
	return page.Items
}

// oneRun returns the only run of a job.
func (w *world) oneRun(t testing.TB, jobID string) cdds.Run {
	t.Helper()
	runs := w.runs(t, jobID)
	if len(runs) != 1 {
		t.Fatalf("the job has %d runs, want 1", len(runs))
	}
	return runs[0]
}

// tasks counts the queue tasks of an attempt.
func (w *world) tasks(t testing.TB, runID string, attempt int) int {
	t.Helper()
	query := `SELECT args::text FROM river_job`
	if w.st.Dialect() == store.SQLite {
		query = `SELECT json(args) FROM river_job`
	}
	rows, err := w.st.DB().Query(query)
	noError(t, err)
	defer func() { noError(t, rows.Close()) }()
	n := 0
	for rows.Next() {
		var args string
		noError(t, rows.Scan(&args))
		if sameTask(t, args, runID, attempt) {
			n++
		}
	}
	noError(t, rows.Err())
	return n
}

// begin lets a worker begin an attempt.
func (w *world) begin(t testing.TB, run cdds.Run, attempt int) {
	t.Helper()
	var mine bool
	w.tx(t, func(ctx context.Context, tx *store.Tx) (err error) {
		mine, err = tx.StartAttempt(ctx, store.Start{RunID: run.ID, Attempt: attempt, Node: "node", Window: run.Window, Now: now})
		return err
	})
	if !mine {
		t.Fatalf("attempt %d of the run was not let begin", attempt)
	}
}

// finish brings a queued run to its end, with one artifact that is stored.
func (w *world) finish(t testing.TB, run cdds.Run) cdds.Artifact {
	t.Helper()
	w.begin(t, run, 1)
	a := cdds.Artifact{
		ID: "artifact-" + run.ID, TenantID: run.TenantID, RunID: run.ID, JobID: run.JobID, Title: run.Spec.Title, Type: run.Spec.Type,
		Name: cdds.ArtifactName(run.ID, 0), Part: 1, Parts: 1, Size: 4, SHA256: fmt.Sprintf("%064d", 0), Recipients: []string{"f"},
		CreatedAt: now, ExpiresAt: at(24 * time.Hour),
	}
	a.Key = cdds.ArtifactPrefix(run.TenantID, run.ID, 1) + a.Name
	w.put(t, a.Key)
	w.tx(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Finish(ctx, store.Outcome{RunID: run.ID, Attempt: 1, State: cdds.RunFinished, Now: now, Artifacts: []cdds.Artifact{a}})
		return err
	})
	return a
}

// put stores an object.
func (w *world) put(t testing.TB, key string) {
	t.Helper()
	noError(t, w.bucket.WriteAll(t.Context(), key, []byte("data"), nil))
}

// has reports whether an object is stored.
func (w *world) has(t testing.TB, key string) bool {
	t.Helper()
	return got(w.bucket.Exists(t.Context(), key))(t)
}

func (w *world) tx(t testing.TB, do func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	noError(t, w.st.InTx(context.Background(), func(tx *store.Tx) error { return do(context.Background(), tx) }))
}
