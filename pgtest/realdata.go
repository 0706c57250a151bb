package pgtest

import (
	"context"
	"fmt"
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
	dsn := p.Database(t)
	if err := p.Server(t).LoadRealData(t.Context(), dsn, root); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// LoadRealData loads the real conversations into an empty database.
func (s *Server) LoadRealData(ctx context.Context, dsn, root string) error {
	dir := filepath.Join(root, "..", "shared", "data")
	script, err := os.ReadFile(filepath.Join(dir, "load.sql"))
	if err != nil {
		return fmt.Errorf("real conversations are expected in ../shared/data beside the project: %w", err)
	}
	// Without statistics the foreign keys of the tables that come last are
	// checked by way of the wrong index, which takes minutes.
	const after = "insert into interaction_email"
	text := strings.Replace(string(script), after, "analyze contact; analyze interaction;\n"+after, 1)
	load := exec.CommandContext(ctx, s.Program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", "contact-history.sql", "-f", "-")
	load.Dir, load.Stdin = dir, strings.NewReader(text)
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("load the real data: %w: %s", err, out)
	}
	return nil
}
