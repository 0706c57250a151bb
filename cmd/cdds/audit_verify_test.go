package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cdds/store"
)

// TestAuditVerify walks whole and broken logs of both databases by the command
// that an operator would use.
func TestAuditVerify(t *testing.T) {
	t.Parallel()
	for _, kind := range []store.Dialect{store.SQLite, store.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			flags := []string{"--data", t.TempDir()}
			if kind == store.Postgres {
				flags = append(flags, "--database", servers.Database(t))
			}
			audit := func(args ...string) (string, int) {
				t.Helper()
				text, errs, code := command(t, "", slices.Concat([]string{"audit"}, args, flags)...)
				return text + errs, code
			}
			for i := range 5 {
				commandOK(t, "a long enough password\n", slices.Concat([]string{"user", "add", fmt.Sprint("user-", i), "--tenant", "one", "--tenant-id", "101", "--password-stdin"}, flags)...)
			}
			commandOK(t, "a long enough password\n", slices.Concat([]string{"user", "add", "other", "--tenant", "two", "--tenant-id", "102", "--password-stdin"}, flags)...)
			if text, code := audit("verify"); code != 0 || !strings.Contains(text, "one: 6 lines, whole") || !strings.Contains(text, "two: 2 lines, whole") {
				t.Fatalf("a whole log: exit code %d: %s", code, text)
			}
			heads, code := audit("head")
			file := filepath.Join(t.TempDir(), "heads")
			must(t, os.WriteFile(file, []byte(heads), 0o600))
			if code != 0 || strings.Count(heads, "\n") != 2 {
				t.Fatalf("heads: %s", heads)
			}
			commandOK(t, "a long enough password\n", slices.Concat([]string{"user", "passwd", "other", "--password-stdin"}, flags)...)
			if text, code := audit("verify", "--heads", file); code != 0 || !strings.Contains(text, "two: 3 lines, whole") {
				t.Errorf("a log that has grown: exit code %d: %s", code, text)
			}
			if text, code := audit("verify", "--expect", "nobody:1:"+strings.Repeat("0", 64)); code != 1 || !strings.Contains(text, "nobody") {
				t.Errorf("a log that is gone: exit code %d: %s", code, text)
			}

			tamper := tamperer(t, kind, flags)
			tamper(`DELETE FROM audit WHERE username = '(operator)' AND number = 6`)
			if text, code := audit("verify"); code != 0 {
				t.Errorf("a log without its last line, and nothing known of it: exit code %d: %s", code, text)
			}
			if text, code := audit("verify", "--heads", file); code != 1 || !strings.Contains(text, "one: BROKEN at line 6") {
				t.Errorf("a log without its last line: exit code %d: %s", code, text)
			}
			tamper(`UPDATE audit SET detail = 'nothing' WHERE number = 3`)
			text, code := audit("verify", "--output", "json")
			var found struct {
				Whole bool
				Logs  []struct {
					Tenant string
					Lines  int64
					Broken *struct {
						Line, Row int64
						Problem   string
					}
				}
			}
			must(t, json.NewDecoder(strings.NewReader(text)).Decode(&found))
			if code != 1 || found.Whole || len(found.Logs) != 3 || found.Logs[0].Broken != nil {
				t.Fatalf("exit code %d: %s", code, text)
			}
			for _, l := range found.Logs[1:] {
				if l.Lines != 2 || l.Broken == nil || l.Broken.Line != 3 || l.Broken.Row == 0 || l.Broken.Problem == "" {
					t.Errorf("%+v: %+v", l, l.Broken)
				}
			}
			for name, args := range map[string][]string{
				"a head that is none": {"verify", "--expect", "one:2"}, "no file": {"verify", "--heads", file + "-missing"}, "two answers": {"verify", "--heads", file, "--expect", strings.Split(heads, ":")[0] + ":6:" + strings.Repeat("0", 64)},
			} {
				if text, code := audit(args...); code != 2 {
					t.Errorf("%s: exit code %d: %s", name, code, text)
				}
			}
		})
	}
}

// tamperer drops what guards the log, as an owner of the database may, and
// returns what carries out a statement.
func tamperer(t *testing.T, kind store.Dialect, flags []string) func(statement string) {
	t.Helper()
	place := dataFlags{Data: flags[1]}
	triggers, on := []string{"audit_keeps_lines", "audit_keeps_all", "audit_replaces_none"}, ""
	if kind == store.Postgres {
		place.Database, triggers, on = flags[3], triggers[:2], " ON audit"
	}
	st, err := openStore(t.Context(), place, false)
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	for _, trigger := range triggers {
		_, err := st.DB().Exec(`DROP TRIGGER ` + trigger + on)
		must(t, err)
	}
	return func(statement string) {
		t.Helper()
		_, err := st.DB().Exec(statement)
		must(t, err)
	}
}

// TestAuditHoldsNoSecrets does everything that is audited, with known passwords,
// secrets, titles and texts of records, and also what is refused, and looks for
// them in the raw log.
func TestAuditHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	dsn, db := emptyHistory(t)
	const record, title, typed, password = "what a customer said", "the case of a customer", "typed into the wrong field", "the password of somebody"
	_, err := db.Exec(t.Context(), `insert into contact (id, tenantid, createddate, modifieddate) select 'c' || n, 101, '2020-01-01', '2020-01-01' from generate_series(1, 20) n`)
	must(t, err)
	_, err = db.Exec(t.Context(), `insert into contact_attribute (contactid, name, value) select 'c' || n, 'FirstName', $1 from generate_series(1, 20) n`, record)
	must(t, err)
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	commandOK(t, password+"\n", "user", "add", "somebody", "--data", data, "--tenant", out.Tenant, "--role", "viewer", "--password-stdin")
	secrets := []string{record, title, typed, password, out.Password}
	for days := range 2 {
		secrets = append(secrets, strings.TrimSpace(commandOK(t, "", "token", "create", fmt.Sprint("token-", days), "--data", data, "--user", out.Username)))
	}
	s := serve(t, "--data", data, "--source", dsn)
	x := &changes{t: t, s: s, admin: s.signIn(t, out.Username, out.Password), out: out}
	x.admin.ok("POST", "/jobs", jobBody(object{"title": title, "description": record}), nil)
	calls, recipes := audited(t, x.admin), x.all()
	order := slices.DeleteFunc(slices.Sorted(maps.Keys(calls)), func(id string) bool { return id == "delete-certificate" })
	for _, id := range append(order, "delete-certificate") {
		r := recipes[id]()
		sender := x.admin
		if r.sender != nil {
			sender = r.sender
		}
		path := strings.TrimPrefix(strings.ReplaceAll(calls[id].path, "{id}", r.id), "/api/v1") + r.query
		_, _, text := sender.do(calls[id].method, path, r.body, nil)
		var made struct{ Secret string }
		if json.Unmarshal(text, &made) == nil && made.Secret != "" {
			secrets = append(secrets, made.Secret)
		}
	}
	place, err := url.Parse(s.url)
	must(t, err)
	for _, cookie := range x.admin.http.Jar.Cookies(place) {
		secrets = append(secrets, cookie.Value)
	}
	nobody := &client{t: t, base: s.url + "/api/v1", http: &http.Client{Timeout: waitTime}}
	for _, c := range []*client{nobody, x.admin, s.signIn(t, "somebody", password)} {
		c.do("POST", "/session", object{"username": typed, "tenant": typed, "password": typed}, nil)
		c.do("POST", "/session", object{"username": out.Username, "password": typed}, nil)
		for _, path := range []string{"/jobs/", "/runs/", "/artifacts/", "/me/tokens/"} {
			c.do("DELETE", path+strings.ReplaceAll(typed, " ", "%20"), nil, nil)
		}
		c.do("GET", "/audit/export?q="+strings.ReplaceAll(typed, " ", "%20"), nil, nil)
		c.do("GET", "/jobs", nil, map[string]string{"Authorization": "Bearer " + strings.ReplaceAll(typed, " ", "-")})
	}
	secrets = append(secrets, strings.ReplaceAll(typed, " ", "-"))
	s.stop()
	raw := rawAudit(t, data)
	if strings.Count(raw, "\n") < 40 || !strings.Contains(raw, "refused") {
		t.Errorf("few lines: %s", raw)
	}
	if len(secrets) < 9 {
		t.Errorf("only %d secrets were looked for", len(secrets))
	}
	for _, secret := range secrets {
		if secret == "" || strings.Contains(strings.ToLower(raw), strings.ToLower(secret)) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// rawAudit returns all columns of all lines, as the database has them.
func rawAudit(t *testing.T, data string) string {
	t.Helper()
	st, err := openStore(t.Context(), dataFlags{Data: data}, false)
	must(t, err)
	defer func() { must(t, st.Close()) }()
	rows, err := st.DB().Query(`SELECT id || '|' || tenant_id || '|' || user_id || '|' || username || '|' || token || '|' || action || '|' || object || '|' ||
		detail || '|' || result || '|' || address || '|' || replace(words, char(10), '|') || '|' || at || '|' || hash FROM audit ORDER BY id`)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var text strings.Builder
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		text.WriteString(line + "\n")
	}
	must(t, rows.Err())
	return text.String()
}
