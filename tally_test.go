package cdds_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tally runs the program that judges the output of all tests.
func tally(t *testing.T, input string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"run", ".ci/tally.go", ".ci/leaks.go"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// TestSecretsFailTheRun gives the judge outputs with a secret in different
// places: the run fails, though every test in it passed, and the secret is not
// said again.
func TestSecretsFailTheRun(t *testing.T) {
	const passed = `{"Action":"output","Package":"p","Test":"TestA","Output":"fine\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1}
`
	// In two parts, so that this text is none.
	secret := "hidden-" + "word"
	if out, ok := tally(t, passed); !ok || !strings.Contains(out, "1 passed, 0 failed") {
		t.Fatalf("a good run fails: %s", out)
	}
	for name, line := range map[string]string{
		"in a test":    `{"Action":"output","Package":"p","Test":"TestA","Output":"url=postgres://x:` + secret + `@h\n"}` + "\n",
		"in a package": `{"Action":"output","Package":"p","Output":"` + secret + `\n"}` + "\n",
		"in a build":   `{"Action":"build-output","ImportPath":"p","Output":"` + secret + `\n"}` + "\n",
		"around tests": "make says " + secret + "\n",
	} {
		out, ok := tally(t, line+passed)
		if ok || !strings.Contains(out, "SECRET  a DSN's password") || !strings.Contains(out, "1 failed") {
			t.Errorf("%s: passes with %s", name, out)
		}
		if strings.Contains(out, secret) {
			t.Errorf("%s: the secret is said again", name)
		}
	}
	log := filepath.Join(t.TempDir(), "service.log")
	for text, good := range map[string]bool{"all is well\n": true, "password=" + secret + "\n": false} {
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, ok := tally(t, "a line\n", "-lines", log); ok != good || !strings.Contains(out, "a line\n") {
			t.Errorf("a log with %q: %t, %s", text, ok, out)
		}
	}
	if out, ok := tally(t, "a line with "+secret+"\n", "-lines"); ok || strings.Contains(out, secret) {
		t.Errorf("a line with a secret: %t, %s", ok, out)
	}
	if out, ok := tally(t, "", "-lines", log+".none"); ok {
		t.Errorf("a log that is not there passes: %s", out)
	}
}
