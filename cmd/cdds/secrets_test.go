package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hidden is a password that no output may hold.
const hidden = "hidden-word-7"

// TestPasswordsOfDSNs gives DSNs with a password that fail in different ways,
// by flag, by environment and by file, to each command that takes them: nobody
// says the password.
func TestPasswordsOfDSNs(t *testing.T) {
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	for name, dsn := range map[string]string{
		"nobody listens":     "postgres://cdds:" + hidden + "@127.0.0.1:1/x",
		"unknown host":       "postgres://cdds:" + hidden + "@host.invalid/x",
		"no number as port":  "postgres://cdds:" + hidden + "@127.0.0.1:port/x",
		"broken escape":      "postgres://cdds:" + hidden + "%zz@127.0.0.1:1/x",
		"slash inside":       "postgres://cdds:" + hidden + "/more@127.0.0.1:1/x",
		"at sign inside":     "postgres://cdds:a@" + hidden + "@127.0.0.1:1/x",
		"unknown setting":    "postgres://cdds:" + hidden + "@127.0.0.1:1/x?sslmode=nonsense",
		"as a parameter":     "postgres://127.0.0.1:1/x?user=cdds&password=" + hidden,
		"mistyped scheme":    "postgress://cdds:" + hidden + "@127.0.0.1:1/x",
		"keywords":           "host=127.0.0.1 port=1 user=cdds password=" + hidden,
		"keywords, quoted":   "host=127.0.0.1 port=1 password='" + hidden + "'",
		"keywords as a file": "sqlite:host=127.0.0.1 password=" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			try := func(args ...string) {
				stdout, stderr, code := command(t, "", args...)
				if code == 0 {
					t.Errorf("%v succeeds", args)
				}
				said.WriteString(stdout + stderr)
			}
			for _, flag := range []string{"--database", "--source"} {
				try("doctor", "--data", data, flag, dsn)
				try("doctor", "--data", data, flag, dsn, "--output", "json")
			}
			try("serve", "--data", data, "--listen", "127.0.0.1:0", "--database", dsn)
			try("migrate", "--data", data, "--database", dsn)
			try("source", "check", "--source", dsn)
			try("serve", dsn) // by mistake
			try("user", "list", "--database="+dsn, "--nonsense")
			t.Setenv("CDDS_SOURCE", dsn)
			try("source", "check")
			config := filepath.Join(t.TempDir(), "cdds.yaml")
			for _, text := range []string{"source: \"" + dsn + "\"\ndata: [", "source: [\"" + dsn + "\"]\n", "sauce: \"" + dsn + "\"\n", "\"" + dsn + "\": x\n"} {
				must(t, os.WriteFile(config, []byte(text), 0o600))
				try("source", "check", "--config", config)
			}
			if strings.Contains(said.String(), hidden) {
				t.Errorf("the password is in: %s", said.String())
			}
			if left, err := filepath.Glob("*password*"); err != nil || len(left) > 0 {
				t.Errorf("files %v were made: %v", left, err)
			}
		})
	}
}

// TestWarningOfFlags warns of a password that the list of processes shows, and
// of nothing else.
func TestWarningOfFlags(t *testing.T) {
	const dsn, warning = "postgres://cdds:" + hidden + "@127.0.0.1:1/x", "list of processes"
	warned := func(args ...string) bool {
		_, errs, _ := command(t, "", append([]string{"source", "check"}, args...)...)
		return strings.Contains(errs, warning)
	}
	if !warned("--source", dsn) || !warned("--source="+dsn) {
		t.Error("no warning of a password in a flag")
	}
	if warned("--source", "postgres://cdds@127.0.0.1:1/x") {
		t.Error("a warning without a password")
	}
	config := filepath.Join(t.TempDir(), "cdds.yaml")
	must(t, os.WriteFile(config, []byte("source: "+dsn+"\n"), 0o600))
	if warned("--config", config) {
		t.Error("a warning of a password in the settings file")
	}
	t.Setenv("CDDS_SOURCE", dsn)
	if warned() {
		t.Error("a warning of a password in the environment")
	}
}

// TestPasswordFiles signs in at a server that asks for the password, which a
// file has: by the DSN's passfile and by PGPASSFILE.
func TestPasswordFiles(t *testing.T) {
	t.Parallel()
	dsn, db := emptyHistory(t)
	_, err := db.Exec(t.Context(), "create role by_file login password '"+hidden+"'; grant select on all tables in schema public to by_file")
	must(t, err)
	data, _ := demo(t, "--interactions", "10", "--contacts", "5")
	file := filepath.Join(t.TempDir(), "pgpass")
	must(t, os.WriteFile(file, []byte("*:*:*:by_file:"+hidden+"\n"), 0o600))
	withFile := strings.Replace(dsn, "postgres@", "by_file@", 1) + "&passfile=" + file
	commandOK(t, "", "source", "check", "--source", withFile)
	must(t, os.Chmod(file, 0o644))
	if _, errs, code := command(t, "", "serve", "--data", data, "--listen", "127.0.0.1:0", "--source", withFile); code != 2 || !strings.Contains(errs, "chmod 600 "+file) {
		t.Errorf("a password file that all may read: exit code %d: %s", code, errs)
	}
}

// TestRedact takes passwords out, and leaves all else as it is.
func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"at postgres://u:pw@h:5/d?x=1 it":                                      "at postgres://u:***@h:5/d?x=1 it",
		`"postgres://u:p/w@h/d", and`:                                          `"postgres://u:***@h/d", and`,
		"postgres://u@h/d":                                                     "postgres://u@h/d",
		"http://127.0.0.1:8080/a":                                              "http://127.0.0.1:8080/a",
		"host=h password=pw user=u":                                            "host=h password=*** user=u",
		"host=h password = 'p w' user=u":                                       "host=h password = *** user=u",
		`Get "https://a.blob/c/k?se=1&sig=a%2Fb%3D&sp=r": EOF`:                 `Get "https://a.blob/c/k?se=1&sig=***&sp=r": EOF`,
		"https://b/k?X-Amz-Signature=0a1b&X-Amz-Security-Token=t%3D%3D&x-id=G": "https://b/k?X-Amz-Signature=***&X-Amz-Security-Token=***&x-id=G",
		"AccountName=a;AccountKey=ab+/==;EndpointSuffix=e":                     "AccountName=a;AccountKey=***;EndpointSuffix=e",
		"design=bold":                         "design=bold",
		"?user=u&password=pw&x=y":             "?user=u&password=***&x=y",
		"wrong user or password. Mail a@b.c":  "wrong user or password. Mail a@b.c",
		"the password of ann@example.com: no": "the password of ann@example.com: no",
	} {
		if got := redact(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
