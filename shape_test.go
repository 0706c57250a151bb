package cdds_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The shape budget. Lengths are lines of files that are neither tests nor
// generated. A function or file may be longer where its comment says why:
// "shape: long because ...".
const (
	maxFunctionP90 = 40
	maxFunction    = 80
	maxFile        = 400
	maxPackages    = 24
	longBecause    = "shape: long because "
)

// bannedPackages are names that say nothing about what is inside.
func bannedPackages() []string {
	return []string{
		"base", "common", "core", "helper", "helpers", "lib", "manager", "managers", "misc", "model", "models",
		"pkg", "service", "services", "shared", "tools", "types", "util", "utils",
	}
}

// measure is one length and where it was found.
type measure struct {
	lines   int
	where   string
	excused bool
}

// shape is what the meter has found. Breaches are sentences.
type shape struct {
	files               *token.FileSet
	functions, sources  []measure
	exported, exportDoc int
	packages            map[string]bool // by folder: has it a package comment?
	breaches            []string
}

// TestShape measures the project and fails on each breach of the budget. "make
// shape" shows the figures.
func TestShape(t *testing.T) {
	s := shape{files: token.NewFileSet(), packages: map[string]bool{}}
	for _, path := range goFiles(t) {
		file := parseFile(t, s.files, path)
		if strings.HasSuffix(path, "_test.go") {
			s.measureTest(file)
			continue
		}
		s.packages[filepath.Dir(path)] = s.packages[filepath.Dir(path)] || file.Doc != nil
		if !ast.IsGenerated(file) {
			s.measureFile(path, file)
		}
	}
	if len(s.functions) == 0 {
		t.Fatal("there is no Go file to measure; run the test in the project's folder")
	}
	t.Log(s.report())
	for _, breach := range s.breaches {
		t.Error(breach)
	}
}

// goFiles lists all Go files of the project. Folders whose name begins with a
// dot or that hold data are none of it.
func goFiles(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (entry.Name()[0] == '.' || slices.Contains([]string{"testdata", "node_modules", "bin", "data"}, entry.Name())):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, ".go"):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("look for Go files: %v", err)
	}
	return paths
}

// breach notes that a rule is broken at a place.
func (s *shape) breach(at token.Pos, format string, args ...any) {
	s.breaches = append(s.breaches, s.files.Position(at).String()+": "+fmt.Sprintf(format, args...))
}

// lines is how many lines a node covers.
func (s *shape) lines(n ast.Node) int {
	return s.files.Position(n.End()).Line - s.files.Position(n.Pos()).Line + 1
}

// measureTest checks the one rule for tests: all of them run.
func (s *shape) measureTest(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, call.Sel.Name) {
			if on, ok := call.X.(*ast.Ident); ok && (on.Name == "t" || on.Name == "b" || on.Name == "f") {
				s.breach(call.Pos(), "a test that is skipped proves nothing; give it what it needs, or the build tag long")
			}
		}
		return true
	})
}

// measureFile checks one file of the product.
func (s *shape) measureFile(path string, file *ast.File) {
	excused := false
	for _, group := range file.Comments {
		if s.files.Position(group.Pos()).Line < s.files.Position(file.Name.End()).Line+20 && strings.Contains(group.Text(), longBecause) {
			excused = true
		}
		if promise := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`).FindString(group.Text()); promise != "" {
			s.breach(group.Pos(), "%s: do it, or open an issue", promise)
		}
	}
	length := s.files.File(file.Pos()).LineCount()
	s.sources = append(s.sources, measure{length, path, excused})
	if length > maxFile && !excused {
		s.breach(file.Pos(), "the file has %d lines, over %d: split it by verb, or say %q at its top", length, maxFile, longBecause+"...")
	}
	if slices.Contains(bannedPackages(), file.Name.Name) {
		s.breach(file.Name.Pos(), "the package name %s says nothing about what is inside", file.Name.Name)
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			s.measureFunction(d)
		case *ast.GenDecl:
			s.measureGroup(d)
		}
	}
}

// measureFunction checks one function.
func (s *shape) measureFunction(f *ast.FuncDecl) {
	name := f.Name.Name
	if f.Recv == nil && name == "init" {
		s.breach(f.Pos(), "init() runs before anybody can see it; call a function instead")
	}
	s.document(f.Name, f.Doc != nil, f.Recv == nil || ast.IsExported(receiver(f)))
	excused := strings.Contains(f.Doc.Text(), longBecause)
	length := s.lines(f)
	s.functions = append(s.functions, measure{length, s.files.Position(f.Pos()).String() + " " + name, excused})
	if length > maxFunction && !excused {
		s.breach(f.Pos(), "%s has %d lines, over %d: split it, or say %q in its comment", name, length, maxFunction, longBecause+"...")
	}
	if strings.HasPrefix(strings.ToLower(name), "must") || f.Body == nil {
		return
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			// panic(http.ErrAbortHandler) is how net/http wants a response cut off.
			if callee, ok := call.Fun.(*ast.Ident); ok && callee.Name == "panic" && !selects(call.Args[0], "http", "ErrAbortHandler") {
				s.breach(call.Pos(), "panic in %s: return an error", name)
			}
		}
		return true
	})
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	name := ""
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

// measureGroup checks types, constants and variables. The comment of a group
// serves for all of its names.
func (s *shape) measureGroup(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.document(spec.Name, d.Doc != nil || spec.Doc != nil, true)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				s.document(name, d.Doc != nil || spec.Doc != nil || spec.Comment != nil, true)
			}
			if d.Tok == token.VAR && !constant(spec) {
				s.breach(spec.Pos(), "%s is state of the whole package: make it a constant, a function or a field", spec.Names[0].Name)
			}
		}
	}
}

// constant says whether a package-level variable is one in name only: a check
// of an interface, files that the compiler has embedded, an error to compare
// with, a compiled expression, an object identifier, which Go has no constants
// for, or the version, since the linker can set variables only.
func constant(spec *ast.ValueSpec) bool {
	if spec.Names[0].Name == "_" || selects(spec.Type, "embed", "FS") || linked(spec) {
		return true
	}
	for _, value := range spec.Values {
		switch v := value.(type) {
		case *ast.CallExpr:
			if !selects(v.Fun, "errors", "New") && !selects(v.Fun, "regexp", "MustCompile") {
				return false
			}
		case *ast.CompositeLit:
			if !selects(v.Type, "asn1", "ObjectIdentifier") {
				return false
			}
		default:
			return false
		}
	}
	return len(spec.Values) > 0
}

// linked says whether a variable is the version that a release is linked with.
func linked(spec *ast.ValueSpec) bool {
	if len(spec.Names) != 1 || spec.Names[0].Name != "version" || len(spec.Values) != 1 {
		return false
	}
	text, ok := spec.Values[0].(*ast.BasicLit)
	return ok && text.Kind == token.STRING
}

// selects says whether an expression is pkg.name.
func selects(e ast.Expr, pkg, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	id, ok := selector.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// document counts an exported name and whether it has a comment.
func (s *shape) document(name *ast.Ident, documented, reachable bool) {
	if !name.IsExported() || !reachable {
		return
	}
	s.exported++
	if documented {
		s.exportDoc++
		return
	}
	s.breach(name.Pos(), "%s is exported and has no comment", name.Name)
}

// report checks the sums and returns the figures.
func (s *shape) report() string {
	commented := 0
	for folder, has := range s.packages {
		if has {
			commented++
		} else {
			s.breaches = append(s.breaches, folder+": the package has no comment that says what it is for")
		}
	}
	if len(s.packages) > maxPackages {
		s.breaches = append(s.breaches, fmt.Sprintf("%d packages, over %d", len(s.packages), maxPackages))
	}
	byLength := func(a, b measure) int { return a.lines - b.lines }
	slices.SortFunc(s.functions, byLength)
	slices.SortFunc(s.sources, byLength)
	if p90 := percentile(s.functions, 90); p90 > maxFunctionP90 {
		s.breaches = append(s.breaches, fmt.Sprintf("the functions' p90 is %d lines, over %d", p90, maxFunctionP90))
	}
	slices.Sort(s.breaches)
	var b strings.Builder
	fmt.Fprintf(&b, "shape\n%-12s %6s %7s %5s %5s  %s\n", "", "count", "median", "p90", "max", "longest")
	for _, row := range []struct {
		name string
		list []measure
	}{{"functions", s.functions}, {"files", s.sources}} {
		longest := row.list[len(row.list)-1]
		fmt.Fprintf(&b, "%-12s %6d %7d %5d %5d  %s\n", row.name, len(row.list), percentile(row.list, 50), percentile(row.list, 90), longest.lines, longest.where)
	}
	fmt.Fprintf(&b, "exported     %6d, with a comment %d\n", s.exported, s.exportDoc)
	fmt.Fprintf(&b, "packages     %6d of at most %d, with a comment %d\n", len(s.packages), maxPackages, commented)
	for _, m := range append(s.functions, s.sources...) {
		if m.excused {
			fmt.Fprintf(&b, "excused      %6d lines  %s\n", m.lines, m.where)
		}
	}
	fmt.Fprintf(&b, "breaches     %6d", len(s.breaches))
	return b.String()
}

// percentile returns the length that p of 100 entries of a sorted list do not
// exceed.
func percentile(list []measure, p int) int { return list[(len(list)-1)*p/100].lines }
