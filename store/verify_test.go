package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// mark records a check of an artifact and returns the artifact anew.
func (w *world) mark(t testing.TB, a cdds.Artifact, damage string, when time.Time) cdds.Artifact {
	t.Helper()
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.MarkVerified(ctx, a, damage, when) })
	return got(w.st.Artifact(t.Context(), a.TenantID, a.ID))(t)
}

func TestMarkVerified(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		run := w.finishedRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1")
		a := got(w.st.ArtifactsOfRun(ctx, run.ID))(t)[0]
		equal(t, "verified at first", a.VerifiedAt, time.Time{})

		a = w.mark(t, a, "", at(time.Hour))
		equal(t, "verified", a.VerifiedAt, at(time.Hour))
		equal(t, "changed by a check that found nothing", got(w.st.RunByID(ctx, run.ID))(t).UpdatedAt, run.UpdatedAt)

		a = w.mark(t, a, "It is gone.", at(2*time.Hour))
		equal(t, "damage", a.Damage, "It is gone.")
		damaged := got(w.st.RunByID(ctx, run.ID))(t)
		equal(t, "damaged files", damaged.Damaged, 1)
		equal(t, "changed by the damage", damaged.UpdatedAt, at(2*time.Hour))

		a = w.mark(t, a, "It is gone.", at(3*time.Hour))
		equal(t, "first seen", a.DamagedAt, at(2*time.Hour))
		equal(t, "verified again", a.VerifiedAt, at(3*time.Hour))
		equal(t, "changed by old news", got(w.st.RunByID(ctx, run.ID))(t).UpdatedAt, at(2*time.Hour))

		a = w.mark(t, a, "", at(4*time.Hour))
		equal(t, "damage of what is back", a.Damage, "")
		equal(t, "damaged files of what is back", got(w.st.RunByID(ctx, run.ID))(t).Damaged, 0)

		w.mark(t, a, "It is gone.", at(5*time.Hour))
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.MarkExpired(ctx, a.ID, at(6*time.Hour))
			return err
		})
		equal(t, "damaged files after their end", got(w.st.RunByID(ctx, run.ID))(t).Damaged, 0)
		equal(t, "verified after its end", w.mark(t, a, "", at(7*time.Hour)).VerifiedAt, at(5*time.Hour))
	})
}

func TestNextToVerify(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		job := w.addJob(t, w.job(w.alpha, "job-1"))
		files := map[string]cdds.Artifact{}
		for _, id := range []string{"run-a", "run-b", "run-c", "run-d"} {
			w.finishedRun(t, job, id)
			files[id] = got(w.st.ArtifactsOfRun(ctx, id))(t)[0]
		}
		w.mark(t, files["run-a"], "", at(2*time.Hour))
		w.mark(t, files["run-b"], "", at(time.Hour))
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.MarkExpired(ctx, files["run-d"].ID, now)
			return err
		})
		order := func(since time.Time) (ids []string) {
			var last cdds.Artifact
			for {
				a, err := w.st.NextToVerify(ctx, last, since)
				if cdds.CodeOf(err) == cdds.CodeNotFound {
					return ids
				}
				noError(t, err)
				ids, last = append(ids, a.RunID), a
			}
		}
		equal(t, "all", order(at(3*time.Hour)), []string{"run-c", "run-b", "run-a"})
		equal(t, "not since an hour", order(at(time.Hour+time.Microsecond)), []string{"run-c", "run-b"})
		equal(t, "never", order(at(time.Hour)), []string{"run-c"})

		var all []string
		for last := ""; ; {
			page := got(w.st.ArtifactsAfter(ctx, last, 2))(t)
			if len(page) == 0 {
				break
			}
			for _, a := range page {
				all, last = append(all, a.RunID), a.ID
			}
		}
		equal(t, "by id", all, []string{"run-a", "run-b", "run-c"})
	})
}

func TestOneNodeScrubs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		lease := func(node string, after time.Duration, want bool) {
			t.Helper()
			equal(t, node, got(w.st.LeaseScrub(t.Context(), node, at(after), at(after+time.Minute)))(t), want)
		}
		lease("one", 0, true)
		lease("two", time.Minute, false)
		lease("one", time.Minute, true)
		lease("two", 2*time.Minute, false)
		lease("two", 2*time.Minute+time.Microsecond, true)
		lease("one", 3*time.Minute, false)
	})
}

func TestRestores(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		forget := func(when time.Time, want int64) {
			t.Helper()
			w.tx(t, func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.ForgetRestores(ctx, when)
				equal(t, "forgotten", n, want)
				return err
			})
		}
		equal(t, "none", got(w.st.KeptBefore(ctx))(t), time.Time{})
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRestore(ctx, now, at(24*time.Hour)) })
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertRestore(ctx, at(time.Hour), at(2*time.Hour))
		})
		equal(t, "latest", got(w.st.KeptBefore(ctx))(t), at(time.Hour))
		forget(at(2*time.Hour-time.Microsecond), 0)
		forget(at(2*time.Hour), 1)
		equal(t, "the other", got(w.st.KeptBefore(ctx))(t), now)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.ForgetAllRestores(ctx)
			equal(t, "all", n, int64(1))
			return err
		})
		equal(t, "none any more", got(w.st.KeptBefore(ctx))(t), time.Time{})
	})
}

// TestForgetTheMoment ends what must not come back with a backup.
func TestForgetTheMoment(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		run := w.finishedRun(t, w.addJob(t, w.job(w.alpha, "job-1")), "run-1")
		a := w.mark(t, got(w.st.ArtifactsOfRun(t.Context(), run.ID))(t)[0], "", now)
		hash := strings.Repeat("a", 64)
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertSession(ctx, store.Session{TokenHash: hash, UserID: w.alpha.ID, CreatedAt: now, SeenAt: now, ExpiresAt: at(time.Hour)})
		})
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.ForgetTheMoment(ctx) })
		_, err := w.st.Session(t.Context(), hash)
		wantCode(t, err, cdds.CodeNotFound)
		equal(t, "verified", got(w.st.Artifact(t.Context(), a.TenantID, a.ID))(t).VerifiedAt, time.Time{})
	})
}
