package control_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

func TestTheOperatorAddsAndEditsTenants(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		gamma := cdds.Tenant{Name: "Gamma", SourceID: 101, Source: "gamma-history", Limits: cdds.TenantLimits{Runs: 2, Storage: 1 << 30, RetentionDays: 7}}
		added, err := w.AddTenant(ctx, gamma, now)
		noError(t, err)
		gamma.ID, gamma.CreatedAt = added.ID, now
		kept, err := w.st.TenantNamed(ctx, "Gamma")
		noError(t, err)
		equal(t, "as it was added", kept, gamma)
		_, err = w.AddTenant(ctx, cdds.Tenant{Name: "Twin", SourceID: 101, Source: "gamma-history"}, now)
		wantCode(t, "a number that is taken", err, cdds.CodeConflict)

		runs, days := 5, 0
		edited, err := w.EditTenant(ctx, "Gamma", control.TenantChange{Runs: &runs, RetentionDays: &days}, at(time.Minute))
		noError(t, err)
		gamma.Limits.Runs, gamma.Limits.RetentionDays = 5, 0
		equal(t, "as it was changed", edited, gamma)
		_, err = w.EditTenant(ctx, "Nobody", control.TenantChange{Runs: &runs}, now)
		wantCode(t, "an unknown tenant", err, cdds.CodeNotFound)

		log, err := w.st.Audit(ctx, store.AuditQuery{TenantID: gamma.ID})
		noError(t, err)
		equal(t, "audit", log.Items[0].Action+": "+log.Items[0].Detail,
			"tenant.edit: by the operator, name Gamma, number 101, source gamma-history, runs 5, storage 1073741824, retention days 0")
		equal(t, "lines of the audit log", len(log.Items), 2)
	})
}

func TestATenantThatMakesNoSenseIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		good := cdds.Tenant{Name: "Gamma", SourceID: 7}
		for field, spoil := range map[string]func(*cdds.Tenant){
			"tenant":         func(t *cdds.Tenant) { t.Name = " " },
			"tenant-id":      func(t *cdds.Tenant) { t.SourceID = 0 },
			"source-name":    func(t *cdds.Tenant) { t.Source = "postgres://user:secret@host/db" },
			"max-runs":       func(t *cdds.Tenant) { t.Limits.Runs = -1 },
			"max-storage":    func(t *cdds.Tenant) { t.Limits.Storage = 1000 },
			"retention-days": func(t *cdds.Tenant) { t.Limits.RetentionDays = 3651 },
		} {
			bad := good
			spoil(&bad)
			_, err := w.AddTenant(t.Context(), bad, now)
			wantCode(t, field, err, cdds.CodeInvalid)
			var refused *cdds.Error
			if !errors.As(err, &refused) || len(refused.Fields) != 1 || refused.Fields[0].Field != field {
				t.Errorf("the refusal of %s says %v", field, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the refusal repeats a password")
			}
		}
	})
}

// TestANumberStaysOnceItWasExported changes the number of a tenant before and
// after its first run.
func TestANumberStaysOnceItWasExported(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		number := int64(909)
		change := control.TenantChange{SourceID: &number}
		_, err := w.EditTenant(t.Context(), w.ann.User.TenantName, change, now)
		noError(t, err)
		w.create(t, onceSpec(time.Time{}))
		number = 910
		_, err = w.EditTenant(t.Context(), w.ann.User.TenantName, change, now)
		wantCode(t, "another number", err, cdds.CodeConflict)
	})
}

// TestACancelLetsTheTenantsNextRunStart cancels the only run that a tenant may
// have in progress: the oldest waiting one of any of its jobs gets a task.
func TestACancelLetsTheTenantsNextRunStart(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		most := 1
		_, err := w.EditTenant(t.Context(), w.ann.User.TenantName, control.TenantChange{Runs: &most}, now)
		noError(t, err)
		var runs []cdds.Run
		for i := range 3 {
			job := w.create(t, spec())
			run, err := w.StartRun(t.Context(), w.ann, job.ID, control.Once{}, at(time.Duration(i)*time.Second))
			noError(t, err)
			runs = append(runs, run)
		}
		w.begin(t, runs[0], 1)
		_, err = w.CancelRun(t.Context(), w.ann, runs[0].ID, at(time.Minute))
		noError(t, err)
		equal(t, "tasks of the oldest that waits", w.tasks(t, runs[1].ID, 1), 2) // the first is the one of its birth
		equal(t, "tasks of the other", w.tasks(t, runs[2].ID, 1), 1)
	})
}
