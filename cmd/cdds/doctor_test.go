package main

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cdds/store"
)

// examine runs the doctor and returns what it found by check, and its exit
// code.
func examine(t testing.TB, args ...string) (map[string]diagnosis, int) {
	t.Helper()
	out, _, code := command(t, "", append([]string{"doctor", "--output", "json"}, args...)...)
	var list []diagnosis
	must(t, json.Unmarshal([]byte(out), &list))
	found := map[string]diagnosis{}
	for _, d := range list {
		found[d.Check] = d
		if (!d.OK || d.Warning) && d.Remedy == "" {
			t.Errorf("%s says %q and not what to do", d.Check, d.Detail)
		}
	}
	return found, code
}

// TestDoctorOnPostgres examines a service over PostgreSQL whose source's role
// may write, and then takes one thing after the other away.
func TestDoctorOnPostgres(t *testing.T) {
	t.Parallel()
	history, _ := emptyHistory(t)
	data, dsn := t.TempDir(), servers.Database(t)
	args := []string{"--data", data, "--database", dsn, "--source", history}
	commandOK(t, "", "migrate", "--data", data, "--database", dsn)
	found, code := examine(t, args...)
	for _, check := range []string{"metadata database", "migrations", "queue", "artifact storage", "source", "disk", "clock", "clock of the metadata database", "clock of the source"} {
		if d, there := found[check]; !there || !d.OK {
			t.Errorf("%s: %+v", check, d)
		}
	}
	if d := found["source: table interaction"]; code != 0 || !d.Warning || !strings.Contains(d.Detail, "can be written") {
		t.Errorf("exit code %d; a role that may write: %+v", code, d)
	}
	for _, step := range []struct{ sql, check string }{
		{"alter table river_migration rename to away", "queue"},
		{"delete from goose_db_version where version_id = (select max(version_id) from goose_db_version)", "migrations"},
	} {
		change(t, dsn, step.sql)
		if found, code := examine(t, args...); code != 1 || found[step.check].OK {
			t.Errorf("after %q: exit code %d, %+v", step.sql, code, found[step.check])
		}
	}
	change(t, history, "drop table contact cascade")
	if found, code := examine(t, args...); code != 1 || found["source: table contact"].OK {
		t.Errorf("without contacts: exit code %d, %+v", code, found["source: table contact"])
	}
}

// TestDoctorOnStorage gives the doctor a file in place of a folder.
func TestDoctorOnStorage(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "5", "--contacts", "5")
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if found, code := examine(t, "--data", data, "--artifacts", file); code != 1 || found["artifact storage"].OK {
		t.Errorf("exit code %d, %+v", code, found["artifact storage"])
	}
	if found, code := examine(t, "--data", data, "--artifacts", filepath.Join(t.TempDir(), "new")); code != 0 || !found["artifact storage"].OK {
		t.Errorf("exit code %d, %+v", code, found["artifact storage"])
	}
	if found, code := examine(t, "--data", data, "--tls-cert", file); code != 1 || found["TLS certificate"].OK {
		t.Errorf("exit code %d, %+v", code, found["TLS certificate"])
	}
}

// TestDoctorInQuietHours asks a source for its clock while nothing may be
// exported from it.
func TestDoctorInQuietHours(t *testing.T) {
	t.Parallel()
	data, _ := demo(t, "--interactions", "5", "--contacts", "5")
	const hour = "15:04"
	now := time.Now().UTC()
	quiet := now.Add(-time.Hour).Format(hour) + "-" + now.Add(3*time.Hour).Format(hour)
	found, code := examine(t, "--data", data, "--source-quiet", quiet)
	if d, there := found["clock of the source"]; code != 0 || !there || !d.OK {
		t.Errorf("exit code %d, %+v", code, d)
	}
}

// TestDoctorJudges looks at what is too little, too late or too far apart.
func TestDoctorJudges(t *testing.T) {
	t.Parallel()
	const good, warned, broken = "good", "warned", "broken"
	judge := func(d diagnosis) string {
		switch {
		case !d.OK:
			return broken
		case d.Warning:
			return warned
		}
		return good
	}
	data, out := demo(t, "--interactions", "5", "--contacts", "5")
	end, err := endOf(out.Certificate)
	must(t, err)
	now := utcNow()
	clocks := func(at, answered time.Duration) diagnosis {
		return compareClocks("clock", now, now.Add(at), now.Add(answered), nil)
	}
	key := filepath.Join(data, "no-certificate.pem")
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no DER")}), 0o600))
	for _, test := range []struct {
		name string
		got  diagnosis
		want string
	}{
		{"much space", space("/", 2<<30), good}, {"little space", space("/", 500<<20), warned}, {"no space", space("/", 50<<20), broken},
		{"a certificate for a year", shownCertificate(out.Certificate, end.AddDate(-1, 0, 0)), good},
		{"a certificate for a week", shownCertificate(out.Certificate, end.AddDate(0, 0, -7)), warned},
		{"an expired certificate", shownCertificate(out.Certificate, end), broken},
		{"a certificate that is none", shownCertificate(key, now), broken},
		{"a slow answer", clocks(30*time.Second, time.Minute), good},
		{"a second behind", clocks(-time.Second, 0), good},
		{"a minute behind", clocks(-time.Minute, 0), warned}, {"a minute ahead", clocks(2*time.Minute, time.Minute), warned},
		{"an hour ahead", clocks(time.Hour, 0), broken}, {"no answer", compareClocks("clock", now, now, now, os.ErrDeadlineExceeded), broken},
	} {
		if got := judge(test.got); got != test.want {
			t.Errorf("%s: %s in place of %s: %+v", test.name, got, test.want, test.got)
		}
	}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(data, "cdds.db"))
	must(t, err)
	defer st.Close()
	if d := databaseClock(t.Context(), st); judge(d) != good {
		t.Errorf("the clock of an embedded database: %+v", d)
	}
}
