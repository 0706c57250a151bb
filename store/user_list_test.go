package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// addUser adds a user to alpha's tenant.
func (w *world) addUser(t testing.TB, id, name string, role cdds.Role, active bool, created time.Time) cdds.User {
	t.Helper()
	u := w.alpha
	u.ID, u.Username, u.Role, u.Active, u.CreatedAt = id, name, role, active, created
	w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, u) })
	return u
}

func TestUserList(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		umlaut := w.addUser(t, "user-1", "ÄRGER 100%", cdds.RoleExporter, true, at(time.Second))
		w.addUser(t, "user-2", "Bea", cdds.RoleAdministrator, false, at(2*time.Second))
		w.addUser(t, "user-3", "carl", cdds.RoleNone, true, at(3*time.Second))
		w.addJob(t, w.job(umlaut, "job-1"))
		gone := w.addJob(t, w.job(umlaut, "job-2"))
		gone.DeletedAt = now
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateJob(ctx, gone) })

		for _, c := range []struct {
			what  string
			query store.UserQuery
			want  string
		}{
			{"all, by name", store.UserQuery{}, "ann,Bea,carl,ÄRGER 100%"},
			{"a part in any case", store.UserQuery{Text: "ärger"}, "ÄRGER 100%"},
			{"a sign of the pattern itself", store.UserQuery{Text: "0%"}, "ÄRGER 100%"},
			{"the beginning of an id", store.UserQuery{Text: "user-2"}, "Bea"},
			{"nobody", store.UserQuery{Text: "zoe"}, ""},
			{"a role", store.UserQuery{Roles: []cdds.Role{cdds.RoleAdministrator}}, "ann,Bea"},
			{"no role, or another", store.UserQuery{Roles: []cdds.Role{cdds.RoleNone, cdds.RoleExporter}}, "carl,ÄRGER 100%"},
			{"deactivated", store.UserQuery{States: []string{store.UserDeactivated}}, "Bea"},
			{"active administrators", store.UserQuery{Roles: []cdds.Role{cdds.RoleAdministrator}, States: []string{store.UserActive}}, "ann"},
		} {
			c.query.TenantID = "tenant-a"
			page := got(w.st.UserRows(ctx, c.query))(t)
			var names []string
			for _, u := range page.Items {
				names = append(names, u.Username)
			}
			equal(t, c.what, strings.Join(names, ","), c.want)
			equal(t, c.what+": total", page.Total, int64(len(names)))
		}
		equal(t, "a row", got(w.st.UserRow(ctx, "tenant-a", "user-1"))(t), store.UserRow{User: umlaut, Jobs: 1})
		equal(t, "active administrators", got(w.st.Administrators(ctx, "tenant-a"))(t), int64(1))
		equal(t, "of a tenant without", got(w.st.Administrators(ctx, "tenant-b"))(t), int64(0))
		jobs := got(w.st.JobsOf(ctx, "tenant-a", "user-1"))(t)
		equal(t, "jobs of a user", len(jobs), 1)
		equal(t, "the job", jobs[0].ID, "job-1")
	})
}

func TestPagingOfUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		roles := []cdds.Role{cdds.RoleAdministrator, cdds.RoleExporter, cdds.RoleViewer, cdds.RoleNone}
		for i := range 12 {
			w.addUser(t, fmt.Sprintf("user-%02d", (i*5)%12), fmt.Sprintf("%s%02d", []string{"B", "a", "Ö"}[i%3], i), roles[i%4], i%5 > 0, at(time.Duration(i/3)*time.Second))
		}
		read := func(p store.Paging) (store.Page[store.UserRow], error) {
			return w.st.UserRows(t.Context(), store.UserQuery{TenantID: "tenant-a", Paging: p})
		}
		checkSorts(t, 13, read, func(u store.UserRow) string { return u.ID }, map[string]func(store.UserRow) string{
			"username":  func(u store.UserRow) string { return strings.ToLower(u.Username) },
			"role":      func(u store.UserRow) string { return string(u.Role) },
			"state":     func(u store.UserRow) string { return map[bool]string{true: "active", false: "deactivated"}[u.Active] },
			"createdAt": func(u store.UserRow) string { return sortable(u.CreatedAt) },
		})
	})
}

// TestGiveRuns: only what has not ended gets another owner.
func TestGiveRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		bea := w.addUser(t, "user-2", "bea", cdds.RoleAdministrator, true, now)
		job, other := w.addJob(t, w.job(w.alpha, "job-1")), w.addJob(t, w.job(w.alpha, "job-2"))
		ended := w.finishedRun(t, job, "run-1")
		running := w.addRun(t, w.run(job, "run-2", now))
		equal(t, "started", w.start(t, running, 1), true)
		w.addRun(t, w.run(job, "run-3", now))
		w.addRun(t, w.run(other, "run-4", now))
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { return tx.GiveRuns(ctx, job.ID, bea.ID) })
		for id, owner := range map[string]string{ended.ID: "user-a", "run-2": bea.ID, "run-3": bea.ID, "run-4": "user-a"} {
			equal(t, "owner of "+id, got(w.st.RunByID(t.Context(), id))(t).OwnerID, owner)
		}
	})
}
