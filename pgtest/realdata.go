package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// RealData creates a database and loads the real conversations into it that
// lie beside the project, in ../shared/data. root is the project's root as
// seen from the test's folder. It takes about half a minute.
func (p *Pool) RealData(t testing.TB, root string) string {
	t.Helper()
	dir := filepath.Join(root, "..", "shared", "data")
	script, err := os.ReadFile(filepath.Join(dir, "load.sql"))
	if err != nil {
		t.Fatalf("this test reads real conversations, which are expected in ../shared/data beside the project: %v", err)
	}
	// Without statistics the foreign keys of the tables that come last are
	// checked by way of the wrong index, which takes minutes.
	const after = "insert into interaction_email"
	text := strings.Replace(string(script), after, "analyze contact; analyze interaction;\n"+after, 1)
	dsn := p.Database(t)
	load := exec.Command(filepath.Join(p.Server(t).bin, "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", "contact-history.sql", "-f", "-")
	load.Dir, load.Stdin = dir, strings.NewReader(text)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load the real data: %v: %s", err, out)
	}
	return dsn
}
