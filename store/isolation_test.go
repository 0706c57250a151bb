package store_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cdds"
	"cdds/store"
)

// TestTenantsNeverSeeEachOther asks for everything of alpha as beta.
func TestTenantsNeverSeeEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		run := w.finishedRun(t, job, "run-1")
		w.addRun(t, w.run(job, "run-2", now))
		file := w.artifact(run, 1, 1)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertAudit(ctx, store.AuditEntry{TenantID: "tenant-a", UserID: "user-a", Username: "ann", Action: "job.create", Object: "job-1", At: now})
		})
		cut := w.cutRun(t, w.addJob(t, w.job(w.alpha, "job-2")), "run-3", 2)
		escrow := w.addRecipient(t, w.alpha, "recipient-1")
		const other = "tenant-b"
		for name, read := range map[string]func() error{
			"Job":      func() error { _, err := w.st.Job(ctx, other, job.ID); return err },
			"JobRow":   func() error { _, err := w.st.JobRow(ctx, other, job.ID); return err },
			"Run":      func() error { _, err := w.st.Run(ctx, other, run.ID); return err },
			"Manifest": func() error { _, err := w.st.Manifest(ctx, other, run.ID); return err },
			"Artifact": func() error { _, err := w.st.Artifact(ctx, other, file.ID); return err },
			"UserRow":  func() error { _, err := w.st.UserRow(ctx, other, w.alpha.ID); return err },
			"LockJob": func() error {
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error { _, err := tx.LockJob(ctx, other, job.ID); return err })
			},
			"DeleteRecipient": func() error {
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.DeleteRecipient(ctx, other, escrow.ID)
					return err
				})
			},
			"PutEncryption": func() error {
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error {
					return tx.PutEncryption(ctx, other, w.alpha.ID, cdds.EncryptionAuthenticated, now)
				})
			},
			"DeleteRun": func() error {
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteRun(ctx, other, run.ID) })
			},
			"UpdateJob": func() error {
				stolen := job
				stolen.TenantID, stolen.OwnerID = other, w.beta.ID
				return w.tryTx(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, stolen) })
			},
		} {
			if code := cdds.CodeOf(read()); code != cdds.CodeNotFound {
				t.Errorf("%s as another tenant gives code %q, want not_found", name, code)
			}
		}
		for name, count := range map[string]func() (int, error){
			"Jobs": func() (int, error) {
				p, err := w.st.Jobs(ctx, store.JobQuery{TenantID: other, Text: "job"})
				return len(p.Items) + int(p.Total), err
			},
			"Runs": func() (int, error) {
				p, err := w.st.Runs(ctx, store.RunQuery{TenantID: other, JobID: job.ID})
				return len(p.Items) + int(p.Total), err
			},
			"Artifacts": func() (int, error) {
				p, err := w.st.Artifacts(ctx, store.ArtifactQuery{TenantID: other, RunID: run.ID})
				return len(p.Items) + int(p.Total), err
			},
			"UserRows": func() (int, error) {
				p, err := w.st.UserRows(ctx, store.UserQuery{TenantID: other, Text: w.alpha.ID})
				return len(p.Items) + int(p.Total), err
			},
			"Administrators": func() (int, error) {
				n, err := w.st.Administrators(ctx, other) // whose only user is a viewer
				return int(n), err
			},
			"JobsOf": func() (int, error) {
				jobs, err := w.st.JobsOf(ctx, other, w.alpha.ID)
				return len(jobs), err
			},
			"RunDays": func() (int, error) {
				days, err := w.st.RunDays(ctx, other, now.AddDate(0, 0, -1))
				return len(days), err
			},
			"StorageUse": func() (int, error) {
				use, err := w.st.StorageUse(ctx, other)
				return int(use.Artifacts + use.Bytes), err
			},
			"HasRuns": func() (int, error) {
				has, err := w.st.HasRuns(ctx, other)
				return map[bool]int{true: 1}[has], err
			},
			"RangeUse": func() (int, error) {
				use, err := w.st.RangeUse(ctx, other, cut.ID)
				return int(use.Total), err
			},
			"RunUse": func() (int, error) {
				use, err := w.st.RunUse(ctx, other, now)
				return int(use.InProgress + use.Queued), err
			},
			"NextAfter": func() (int, error) {
				_, err := w.st.NextAfter(ctx, other, "no job", now)
				if cdds.CodeOf(err) == cdds.CodeNotFound {
					return 0, nil
				}
				return 1, err
			},
			"CertificateEnds": func() (int, error) {
				ends, err := w.st.CertificateEnds(ctx, other, now.AddDate(100, 0, 0), 10)
				return len(ends), err
			},
			"Downloads": func() (int, error) {
				downloads, err := w.st.Downloads(ctx, other, run.ID, 10)
				return len(downloads), err
			},
			"Recipients": func() (int, error) {
				r, err := w.st.Recipients(ctx, other)
				return len(r), err
			},
			"Audit": func() (int, error) {
				p, err := w.st.Audit(ctx, store.AuditQuery{TenantID: other})
				return len(p.Items) + int(p.Total), err
			},
			"AuditAfter": func() (int, error) {
				lines, err := w.st.AuditAfter(ctx, store.AuditQuery{TenantID: other}, 0, 100, 10)
				return len(lines), err
			},
			"AuditHead": func() (int, error) {
				head, err := w.st.AuditHead(ctx, other)
				return int(head.Number), err
			},
			"CheckChain": func() (int, error) {
				check, err := w.st.CheckChain(ctx, other, nil)
				return int(check.Head.Number), err
			},
			"RunsChanged": func() (int, error) {
				r, err := w.st.RunsChanged(ctx, other, now.AddDate(-1, 0, 0), 10)
				return len(r), err
			},
		} {
			n, err := count()
			noError(t, err)
			if n != 0 {
				t.Errorf("%s shows %d rows to another tenant", name, n)
			}
		}
		equal(t, "cancel as another tenant", w.cancel(t, other, "run-2"), false)
	})
}

// TestIsolationCoversEveryRead fails when Reader gets a read that takes a
// tenant and that the test above does not know.
func TestIsolationCoversEveryRead(t *testing.T) {
	covered := []string{"Job", "JobRow", "Jobs", "Run", "Runs", "RunsChanged", "Manifest", "Artifact", "Artifacts", "Audit", "AuditAfter", "AuditHead", "CheckChain",
		"RunDays", "StorageUse", "CertificateEnds", "Downloads", "Recipients", "UserRow", "UserRows", "Administrators", "JobsOf", "HasRuns", "RunUse",
		"NextAfter", "RangeUse"}
	// These are for workers, loops and sign-in, before or beyond any tenant.
	beyond := []string{"Tenant", "TenantNamed", "Tenants", "User", "UsersNamed", "Users", "Certificate", "Session", "Remembered", "DueJobs", "RunByID", "ActiveRuns",
		"NextQueuedRun", "UnbegunRuns", "Checkpoints", "TokenByHash", "SignInFailures", "TokensOf", "StuckRuns", "RunsInProgress", "UnfinishedRuns", "WaitingRuns", "LastWindowEnd",
		"Attempts", "ArtifactsOfRun", "ExpiredArtifacts", "ArtifactsAfter", "NextToVerify", "KeptBefore", "AuditChains", "Encryption", "SessionByID",
		"SessionsOf", "RememberedBrowser", "RememberedBrowsersOf", "RememberSecret", "UserByIdentity", "SignOnSessions", "NextTurn", "Occurrences", "QueueState", "StorageStock", "Cut", "Ranges", "NextHelp",
		"OpenRange"}
	var unknown []string
	for method := range reflect.TypeFor[store.Reader]().Methods() {
		if !slices.Contains(covered, method.Name) && !slices.Contains(beyond, method.Name) {
			unknown = append(unknown, method.Name)
		}
	}
	if len(unknown) > 0 {
		t.Fatalf("add to the isolation test, or name as beyond tenants: %s", strings.Join(unknown, ", "))
	}
}
