package cdds_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is one package and what it may import of ours.
type room struct {
	path  string
	level int
	// also lists rooms of the same level that this one may import; the comment
	// beside it says why.
	also []string
	// forTests marks a package that only tests, and other such packages, may
	// import.
	forTests bool
}

// house is the layout: every package of the project and its level. A package
// imports lower levels only, so there are no cycles and "who may know whom" is
// read off this table. Tests may also import their own level and the packages
// for tests. A new package fails the test until it stands here.
func house() []room {
	return []room{
		// The nouns and their rules.
		{path: "cdds", level: 0},
		// Starts a PostgreSQL for tests.
		{path: "cdds/pgtest", level: 0, forTests: true},

		// Places and formats. They do not know each other.
		{path: "cdds/source", level: 1},
		// The drivers implement source, and the suite runs against it.
		{path: "cdds/source/postgres", level: 1, also: []string{"cdds/source"}},
		{path: "cdds/source/sqlite", level: 1, also: []string{"cdds/source"}},
		{path: "cdds/source/sourcetest", level: 1, also: []string{"cdds/source"}, forTests: true},
		// The sample is a file of the kind that source/sqlite reads, so the
		// schema comes from there.
		{path: "cdds/source/sample", level: 1, also: []string{"cdds/source/sqlite"}},
		{path: "cdds/cms", level: 1},
		{path: "cdds/store", level: 1},
		{path: "cdds/queue", level: 1},
		// What stands between the network and the faces.
		{path: "cdds/door", level: 1},
		// Speaks to the identity provider.
		{path: "cdds/signon", level: 1},
		// An identity provider for tests.
		{path: "cdds/signon/signontest", level: 1, forTests: true},
		// What operators are told: metrics, traces, exported logs.
		{path: "cdds/telemetry", level: 1},
		// Deflate, which knows nothing but bytes.
		{path: "cdds/export/deflate", level: 1},

		{path: "cdds/export", level: 2},

		{path: "cdds/control", level: 3},
		{path: "cdds/worker", level: 3},

		{path: "cdds/scheduler", level: 4},
		{path: "cdds/api", level: 4},
		{path: "cdds/console", level: 4},

		{path: "cdds/cmd/cdds", level: 5},
		// Breaks the service from outside. It looks into the databases itself,
		// since it must not believe what it judges.
		{path: "cdds/torture", level: 5, forTests: true},
		// Measures the engine against other ways, on a server for tests. It is
		// no part of the product, and nothing imports it.
		{path: "cdds/bench", level: 5, forTests: true},
	}
}

// narrower lists rooms that may import less of ours than their level allows.
// The root package may be imported by all.
func narrower() map[string][]string {
	return map[string][]string{
		"cdds/export":    {"cdds/source", "cdds/cms", "cdds/export/deflate", "cdds/telemetry"}, // no database of ours, no queue
		"cdds/control":   {"cdds/store", "cdds/queue", "cdds/telemetry"},                       // decides; reads no Contact History
		"cdds/worker":    {"cdds/store", "cdds/export", "cdds/source", "cdds/telemetry"},       // carries out; knows no queue
		"cdds/scheduler": {"cdds/control", "cdds/store", "cdds/telemetry"},                     // the clock asks control, as a person does
		"cdds/console":   {},                                                                   // a client of the API and nothing else
	}
}

// keeper says which rooms may import a library; all others may not. It holds
// for the product, not for tests.
type keeper struct {
	library string // import path or the beginning of one
	rooms   []string
}

func keepers() []keeper {
	return []keeper{
		{"github.com/riverqueue/", []string{"cdds/queue"}},
		// signon is a client of the identity provider.
		{"net/http", []string{"cdds/api", "cdds/console", "cdds/door", "cdds/telemetry", "cdds/cmd/cdds", "cdds/signon"}},
		{"github.com/coreos/go-oidc/", []string{"cdds/signon"}},
		{"golang.org/x/oauth2", []string{"cdds/signon"}},
		{"github.com/prometheus/", []string{"cdds/telemetry"}},
		{"go.opentelemetry.io/", []string{"cdds/telemetry"}},
		// control and worker name *sql.Tx, to put their rows and a queue task
		// into one transaction; queue hands River the same; cmd/cdds brings the
		// handle from store to queue.
		{"database/sql", []string{"cdds/store", "cdds/queue", "cdds/control", "cdds/worker", "cdds/source/sqlite", "cdds/source/sample", "cdds/cmd/cdds"}},
		// queue keeps one listening connection for River's notifications.
		{"github.com/jackc/pgx/", []string{"cdds/store", "cdds/source/postgres", "cdds/queue"}},
		{"modernc.org/", []string{"cdds/store", "cdds/source/sqlite"}},
		// queue takes goose's advisory lock while River's tables are migrated.
		{"github.com/pressly/goose/", []string{"cdds/store", "cdds/queue"}},
	}
}

// holdsSQL says whether a package may hold SQL. source holds what its two
// drivers have in common, so that both read the same records. bench holds what
// others would write instead of ours.
func holdsSQL(path string) bool {
	return path == "cdds/store" || path == "cdds/source" || strings.HasPrefix(path, "cdds/source/") || path == "cdds/pgtest" || path == "cdds/torture" || path == "cdds/bench"
}

// listed is what "go list" says of one package.
type listed struct {
	ImportPath, Dir                             string
	GoFiles, Imports, TestImports, XTestImports []string
}

// TestImports holds every package to the table above.
func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		i := slices.IndexFunc(house(), func(r room) bool { return r.path == p.ImportPath })
		if i < 0 {
			t.Errorf("%s has no level: give it one in house(), in imports_test.go", p.ImportPath)
			continue
		}
		r := house()[i]
		for _, path := range p.Imports {
			checkImport(t, r, path)
		}
		for _, path := range append(p.TestImports, p.XTestImports...) {
			if other, ours := find(path); ours && !other.forTests && other.level > r.level {
				t.Errorf("a test of %s (level %d) imports %s (level %d); move it up to there", r.path, r.level, path, other.level)
			}
		}
	}
}

// checkImport checks one import of the product.
func checkImport(t *testing.T, r room, path string) {
	t.Helper()
	for _, k := range keepers() {
		if (path == k.library || strings.HasPrefix(path, strings.TrimSuffix(k.library, "/")+"/")) && !slices.Contains(k.rooms, r.path) && !r.forTests {
			t.Errorf("%s imports %s, which only %s may", r.path, path, strings.Join(k.rooms, ", "))
		}
	}
	if r.level == 0 && !r.forTests && strings.Contains(strings.Split(path, "/")[0], ".") {
		t.Errorf("%s imports %s, but uses the standard library only", r.path, path)
	}
	other, ours := find(path)
	switch {
	case !ours || path == "cdds" && r.path != "cdds":
	case other.forTests && !r.forTests:
		t.Errorf("%s imports %s, which is for tests only", r.path, path)
	case other.level >= r.level && !slices.Contains(r.also, path):
		t.Errorf("%s (level %d) imports %s (level %d); it may import lower levels only", r.path, r.level, path, other.level)
	default:
		if only, narrow := narrower()[r.path]; narrow && !slices.Contains(only, path) {
			t.Errorf("%s imports %s; of ours it may import only %s", r.path, path, strings.Join(append([]string{"cdds"}, only...), ", "))
		}
	}
}

// find returns the room of an import path, and whether the path is of ours.
func find(path string) (room, bool) {
	for _, r := range house() {
		if r.path == path {
			return r, true
		}
	}
	return room{}, false
}

// TestSQLStaysInItsPlace looks for SQL in the string literals of all packages
// that must not hold any.
func TestSQLStaysInItsPlace(t *testing.T) {
	sql := regexp.MustCompile(`(?s)\b(SELECT\b.*\bFROM|INSERT INTO|UPDATE\b.*\bSET|DELETE FROM|CREATE TABLE)\b|` +
		`^\s*(select\b.*\bfrom|insert into|update\b.*\bset|delete from|create table)\b`)
	files := token.NewFileSet()
	for _, p := range listPackages(t) {
		if holdsSQL(p.ImportPath) {
			continue
		}
		for _, name := range p.GoFiles {
			for _, literal := range literals(t, files, filepath.Join(p.Dir, name)) {
				if text, err := strconv.Unquote(literal.Value); err == nil && sql.MatchString(text) {
					t.Errorf("%s: SQL belongs into store or source", files.Position(literal.Pos()))
				}
			}
		}
	}
}

// TestRulesHaveNoClock makes sure that the root package takes the time as an
// argument.
func TestRulesHaveNoClock(t *testing.T) {
	files := token.NewFileSet()
	for _, p := range listPackages(t) {
		if p.ImportPath != "cdds" {
			continue
		}
		for _, name := range p.GoFiles {
			ast.Inspect(parseFile(t, files, filepath.Join(p.Dir, name)), func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, call.Sel.Name) {
					t.Errorf("%s: rules take now as an argument", files.Position(call.Pos()))
				}
				return true
			})
		}
	}
}

// literals returns the string literals of a file.
func literals(t *testing.T, files *token.FileSet, path string) []*ast.BasicLit {
	t.Helper()
	var found []*ast.BasicLit
	ast.Inspect(parseFile(t, files, path), func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			found = append(found, literal)
		}
		return true
	})
	return found
}

func parseFile(t *testing.T, files *token.FileSet, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
	return file
}

// listPackages asks the go command for all packages, with the long tests.
func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "long", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read the answer of go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	return packages
}
