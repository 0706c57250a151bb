package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cdds"
	"cdds/store"
)

// line is a line of a tenant's log, not yet written.
func line(tenantID, action, detail string) store.AuditEntry {
	return store.AuditEntry{TenantID: tenantID, UserID: "user-a", Username: "ann", Action: action, Object: "job-1", Detail: detail, Address: "192.0.2.1", At: now}
}

// write adds lines to a tenant's log, each in a transaction of its own.
func (w *world) write(t testing.TB, tenantID string, details ...string) {
	t.Helper()
	for _, detail := range details {
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertAudit(ctx, line(tenantID, "job.create", detail))
		})
	}
}

// broken walks the chain of tenant-a and returns where it is broken, or nil.
func (w *world) broken(t testing.TB, known map[int64]string) *store.ChainBreak {
	t.Helper()
	return got(w.st.CheckChain(t.Context(), "tenant-a", known))(t).Broken
}

// TestEachTenantHasAChain writes lines of two tenants and of none, and computes
// their hashes again as docs/audit.md describes it, without the store's code.
func TestEachTenantHasAChain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.write(t, "tenant-a", "one", "zwei, 2:x,", "")
		w.write(t, "tenant-b", "other")
		w.tx(t, func(ctx context.Context, tx *store.Tx) error { // two lines of one transaction
			e := store.AuditEntry{Action: "session.create", Result: store.AuditRefused, Times: 7, Address: "2001:db8::1", At: at(time.Second)}
			if err := tx.InsertAudit(ctx, e); err != nil {
				return err
			}
			return tx.InsertAudit(ctx, e)
		})
		equal(t, "chains", got(w.st.AuditChains(t.Context()))(t), []string{store.NoTenant, "tenant-a", "tenant-b"})
		for tenant, count := range map[string]int64{"tenant-a": 3, "tenant-b": 1, store.NoTenant: 2} {
			before := ""
			for i, e := range got(w.st.AuditAfter(t.Context(), store.AuditQuery{TenantID: tenant}, 0, 100, 100))(t) {
				equal(t, "number", e.Number, int64(i+1))
				var text strings.Builder
				for _, f := range []string{"cdds audit 1", before, e.TenantID, strconv.Itoa(i + 1), e.UserID, e.Username, e.Token, e.Action, e.Object, e.Detail,
					string(e.Result), fmt.Sprint(e.Times), e.Address, fmt.Sprint(e.At.UnixMicro())} {
					fmt.Fprintf(&text, "%d:%s,", len(f), f)
				}
				sum := sha256.Sum256([]byte(text.String()))
				before = hex.EncodeToString(sum[:])
				equal(t, "hash", e.Hash, before)
			}
			check := got(w.st.CheckChain(t.Context(), tenant, map[int64]string{count: before}))(t)
			equal(t, "break", check.Broken, nil)
			equal(t, "head", check.Head, store.AuditHead{TenantID: tenant, Number: count, Hash: before})
			equal(t, "head by itself", got(w.st.AuditHead(t.Context(), tenant))(t), check.Head)
		}
	})
}

// TestTheLogIsOnlyAddedTo tries to change and remove lines as a mistake of a
// program, or somebody who came in by one, would.
func TestTheLogIsOnlyAddedTo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.write(t, "tenant-a", "one", "two")
		attempts := []string{
			`UPDATE audit SET detail = 'x'`, `UPDATE audit SET number = 7 WHERE number = 1`, `DELETE FROM audit`, `DELETE FROM audit WHERE number = 2`,
			`INSERT INTO audit (tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash)
				SELECT tenant_id, number, user_id, username, token, action, object, 'x', result, times, address, words, at, hash FROM audit WHERE number = 1`,
		}
		if w.st.Dialect() == store.Postgres {
			attempts = append(attempts, `TRUNCATE audit`)
		} else {
			attempts = append(attempts, `REPLACE INTO audit SELECT id, tenant_id, number, user_id, username, token, action, object, 'x', result, times, address, words, at, hash FROM audit WHERE number = 1`)
		}
		for _, attempt := range attempts {
			if err := w.exec(attempt); err == nil {
				t.Errorf("the database let this through: %s", attempt)
			}
		}
		equal(t, "break", w.broken(t, nil), nil)
		equal(t, "lines", got(w.st.AuditHead(t.Context(), "tenant-a"))(t).Number, 2)
	})
}

// dropGuards removes what keeps lines from being changed, as somebody who owns
// the database may.
func (w *world) dropGuards(t testing.TB) {
	t.Helper()
	triggers := []string{"audit_keeps_lines", "audit_keeps_all", "audit_replaces_none"}
	on := ""
	if w.st.Dialect() == store.Postgres {
		triggers, on = triggers[:2], " ON audit"
	}
	for _, trigger := range triggers {
		noError(t, w.exec(`DROP TRIGGER `+trigger+on))
	}
	noError(t, w.exec(`DROP INDEX audit_by_number`))
}

// TestTamperingIsFound changes a log past all guards, and expects the walk to
// name the first line that is wrong.
func TestTamperingIsFound(t *testing.T) {
	const copyOf = `INSERT INTO audit (tenant_id, number, user_id, username, token, action, object, detail, result, times, address, words, at, hash)
		SELECT tenant_id, %s, user_id, username, token, action, object, detail, result, times, address, words, at, hash FROM audit WHERE tenant_id = 'tenant-a' AND number = %d`
	cases := []struct {
		name, statement string
		line            int64
	}{
		{"who", `UPDATE audit SET username = 'bob' WHERE tenant_id = 'tenant-a' AND number = 3`, 3},
		{"what", `UPDATE audit SET action = 'job.delete' WHERE tenant_id = 'tenant-a' AND number = 4`, 4},
		{"result", `UPDATE audit SET result = 'refused' WHERE tenant_id = 'tenant-a' AND number = 2`, 2},
		{"when", `UPDATE audit SET at = at + 1 WHERE tenant_id = 'tenant-a' AND number = 5`, 5},
		{"from where", `UPDATE audit SET address = '' WHERE tenant_id = 'tenant-a' AND number = 1`, 1},
		{"text moved between fields", `UPDATE audit SET object = object || detail, detail = '' WHERE tenant_id = 'tenant-a' AND number = 2`, 2},
		{"what a search finds", `UPDATE audit SET words = 'nothing' WHERE tenant_id = 'tenant-a' AND number = 4`, 4},
		{"hash", `UPDATE audit SET hash = '` + strings.Repeat("0", 64) + `' WHERE tenant_id = 'tenant-a' AND number = 3`, 3},
		{"gone from the middle", `DELETE FROM audit WHERE tenant_id = 'tenant-a' AND number = 3`, 3},
		{"gone from the middle, closed up", `UPDATE audit SET number = number - 1 WHERE tenant_id = 'tenant-a' AND number > 3 AND number <> 3; DELETE FROM audit WHERE tenant_id = 'tenant-a' AND number = 3 AND detail = 'c'`, 3},
		{"gone from the beginning", `DELETE FROM audit WHERE tenant_id = 'tenant-a' AND number = 1`, 1},
		{"moved to another tenant", `UPDATE audit SET tenant_id = 'tenant-b' WHERE tenant_id = 'tenant-a' AND number = 4`, 4},
		{"swapped", `UPDATE audit SET number = 7 - number WHERE tenant_id = 'tenant-a' AND number IN (3, 4)`, 3},
		{"forged at the end", fmt.Sprintf(copyOf, "7", 2), 7},
		{"forged in between", fmt.Sprintf(copyOf, "4", 4), 4},
		{"forged far behind", fmt.Sprintf(copyOf, "100", 2), 7},
	}
	onBoth(t, func(t *testing.T, w *world) {
		w.dropGuards(t)
		for _, c := range cases {
			noError(t, w.exec(`DELETE FROM audit`))
			w.write(t, "tenant-a", "a", "b", "c", "d", "e", "f")
			w.write(t, "tenant-b", "untouched")
			equal(t, c.name+": break before", w.broken(t, nil), nil)
			for _, statement := range strings.Split(c.statement, "; ") {
				noError(t, w.exec(statement))
			}
			found := w.broken(t, nil)
			if found == nil || found.Number != c.line || found.What == "" {
				t.Errorf("%s: found %+v in place of line %d", c.name, found, c.line)
			}
		}
	})
}

// TestANotedHeadShowsWhatIsGone removes the last lines and writes a whole log
// anew. The chain alone cannot show that; a head that was noted can.
func TestANotedHeadShowsWhatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.write(t, "tenant-a", "a", "b", "c", "d")
		head := got(w.st.AuditHead(t.Context(), "tenant-a"))(t)
		known := map[int64]string{head.Number: head.Hash}
		w.dropGuards(t)
		noError(t, w.exec(`DELETE FROM audit WHERE number > 2`))
		equal(t, "break without the head", w.broken(t, nil), nil)
		equal(t, "line that is missing", w.broken(t, known).Number, 3)
		w.write(t, "tenant-a", "new c", "new d", "new e")
		equal(t, "break without the head", w.broken(t, nil), nil)
		equal(t, "line that is another", w.broken(t, known).Number, 4)
		noError(t, w.exec(`DELETE FROM audit`))
		equal(t, "line of an empty log", w.broken(t, known).Number, 1)
	})
}

// TestManyWritersKeepTheChainWhole lets two nodes add to three chains at once,
// also by transactions that read first, that write several lines, and that are
// rolled back.
func TestManyWritersKeepTheChainWhole(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dsn := newDSN(t, kind)
			first := openStore(t, dsn)
			noError(t, first.Migrate(t.Context()))
			w := newWorld(t, first)
			nodes := []*store.Store{first, openStore(t, dsn)}
			const writers, each = 48, 10 // more than there are connections
			wrong := cdds.Conflict("This one is rolled back.", "")
			var mutex sync.Mutex
			written := map[string]int64{}
			together(t, writers, func(i int) error {
				for n := range each {
					tenant := []string{"tenant-a", "tenant-a", "tenant-b", store.NoTenant}[rand.IntN(4)]
					lines := 1 + n%2
					err := nodes[i%2].InTx(t.Context(), func(tx *store.Tx) error {
						if _, err := tx.Users(t.Context(), ""); err != nil {
							return err
						}
						for range lines {
							if err := tx.InsertAudit(t.Context(), line(tenant, "job.create", fmt.Sprint(i, "-", n))); err != nil {
								return err
							}
						}
						if n%5 == 4 {
							return wrong
						}
						return nil
					})
					if n%5 == 4 && cdds.CodeOf(err) == cdds.CodeConflict {
						continue
					}
					if err != nil {
						return err
					}
					mutex.Lock()
					written[tenant] += int64(lines)
					mutex.Unlock()
				}
				return nil
			})
			for tenant, lines := range written {
				check := got(w.st.CheckChain(t.Context(), tenant, nil))(t)
				equal(t, "break of "+tenant, check.Broken, nil)
				equal(t, "lines of "+tenant, check.Head.Number, lines)
			}
		})
	}
}

// TestALongChainIsWalkedInPieces has more lines than one piece of the walk.
func TestALongChainIsWalkedInPieces(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.tx(t, func(ctx context.Context, tx *store.Tx) error {
			for i := range 2500 {
				if err := tx.InsertAudit(ctx, line("tenant-a", "job.create", strconv.Itoa(i))); err != nil {
					return err
				}
			}
			return nil
		})
		check := got(w.st.CheckChain(t.Context(), "tenant-a", nil))(t)
		equal(t, "break", check.Broken, nil)
		equal(t, "lines", check.Head.Number, 2500)
		w.dropGuards(t)
		noError(t, w.exec(`DELETE FROM audit WHERE number = 1001`))
		equal(t, "line", w.broken(t, nil).Number, 1001)
	})
}

// oldWorld brings an empty database to the version before the chains, with the
// two tenants. It works past the store, which knows the tables of today.
func oldWorld(t *testing.T, st *store.Store) *world {
	t.Helper()
	noError(t, st.MigrateTo(t.Context(), 13))
	w := &world{st: st}
	noError(t, w.exec(`INSERT INTO tenants (id, name, source_id, created_at) VALUES ('tenant-a', 'Alpha', 101, 1), ('tenant-b', 'Beta', 102, 1)`))
	return w
}

// TestOldLinesAreChained brings a database of the version before to this one.
// Its lines are kept, in their order, and are the beginning of the chains.
func TestOldLinesAreChained(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			st := openStore(t, newDSN(t, kind))
			w := oldWorld(t, st)
			const lines = 2100
			for i := range lines {
				noError(t, w.exec(fmt.Sprintf(`INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at)
					VALUES ('tenant-%c', 'u', 'ann', 'job.edit', 'job-1', 'old %d', '192.0.2.7', 'ann', %d)`, 'a'+i%2, i, 1000+i)))
			}
			noError(t, st.Migrate(t.Context()))
			noError(t, st.Migrate(t.Context())) // again changes nothing
			w.write(t, "tenant-a", "new")
			for tenant, count := range map[string]int64{"tenant-a": lines/2 + 1, "tenant-b": lines / 2} {
				check := got(st.CheckChain(t.Context(), tenant, nil))(t)
				equal(t, "break", check.Broken, nil)
				equal(t, "lines", check.Head.Number, count)
			}
			second := got(st.AuditAfter(t.Context(), store.AuditQuery{TenantID: "tenant-a"}, 1, 2, 10))(t)[0]
			second.ID, second.Hash = 0, ""
			equal(t, "an old line", second, store.AuditEntry{TenantID: "tenant-a", Number: 2, UserID: "u", Username: "ann", Action: "job.edit", Object: "job-1",
				Detail: "old 2", Result: store.AuditDone, Times: 1, Address: "192.0.2.7", At: time.UnixMicro(1002).UTC()})
		})
	}
}

// TestAChainThatCannotBeMadeLeavesAllAsItWas breaks the migration off in its
// middle, by a line that cannot be chained.
func TestAChainThatCannotBeMadeLeavesAllAsItWas(t *testing.T) {
	t.Parallel()
	st := openStore(t, newDSN(t, store.Postgres))
	w := oldWorld(t, st)
	noError(t, w.exec(`INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at) VALUES ('tenant-a', 'u', 'ann', 'job.edit', 'o', '', '', '', 1)`))
	noError(t, w.exec(`CREATE TABLE audit_by_number (x INT)`)) // in the way of the index
	if err := st.Migrate(t.Context()); err == nil {
		t.Fatal("the migration did not fail")
	}
	noError(t, w.exec(`INSERT INTO audit (tenant_id, user_id, username, action, object, detail, address, words, at) VALUES ('tenant-a', 'u', 'ann', 'job.edit', 'o', '', '', '', 2)`))
	noError(t, w.exec(`DROP TABLE audit_by_number`))
	noError(t, st.Migrate(t.Context()))
	equal(t, "lines", got(st.CheckChain(t.Context(), "tenant-a", nil))(t), store.ChainCheck{Head: got(st.AuditHead(t.Context(), "tenant-a"))(t)})
	equal(t, "number", got(st.AuditHead(t.Context(), "tenant-a"))(t).Number, 2)
}

// TestTheServicesRoleMayOnlyAdd gives a role the rights that docs/audit.md
// names: it adds lines, and cannot change one even where no trigger is in the way.
func TestTheServicesRoleMayOnlyAdd(t *testing.T) {
	t.Parallel()
	dsn := newDSN(t, store.Postgres)
	owner := openStore(t, dsn)
	noError(t, owner.Migrate(t.Context()))
	w := newWorld(t, owner)
	w.dropGuards(t)
	for _, grant := range []string{
		`CREATE ROLE cdds_service LOGIN`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cdds_service`,
		`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO cdds_service`, `REVOKE UPDATE, DELETE ON audit FROM cdds_service`,
	} {
		noError(t, w.exec(grant))
	}
	place, err := url.Parse(dsn)
	noError(t, err)
	place.User = url.User("cdds_service")
	limited := &world{st: openStore(t, place.String()), alpha: w.alpha}
	noError(t, limited.st.Migrate(t.Context())) // as every start does
	limited.write(t, "tenant-a", "one", "two")
	for _, attempt := range []string{
		`UPDATE audit SET detail = 'x'`, `DELETE FROM audit`, `TRUNCATE audit`, `ALTER TABLE audit DISABLE TRIGGER ALL`, `DROP TABLE audit`,
		`INSERT INTO audit SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET detail = 'x'`,
	} {
		if err := limited.exec(attempt); err == nil {
			t.Errorf("the role may do this: %s", attempt)
		}
	}
	equal(t, "break", limited.broken(t, nil), nil)
}
