package cdds_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pinned returns a tool that the Makefile pins, built if it is not there yet.
func pinned(t *testing.T, variable, name string) string {
	t.Helper()
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(variable + `_VERSION := (v\S+)`).FindSubmatch(text)
	if version == nil {
		t.Fatalf("the Makefile does not pin %s", name)
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	path := filepath.Join(cache, "cdds", "tools", name+"-"+string(version[1]))
	shell(t, nil, "make", "--silent", path)
	return path
}

// shell runs a program that must succeed and returns what it said.
func shell(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func command(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// write writes files of a folder.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// vulnerabilities is a database of govulncheck's in a folder: empty, or with
// one vulnerability of the standard library's function.
func vulnerabilities(t *testing.T, function string) string {
	t.Helper()
	const modified = `"2026-01-01T00:00:00Z"`
	files := map[string]string{"index/db.json": `{"modified":` + modified + `}`, "index/modules.json": `[]`, "index/vulns.json": `[]`}
	if function != "" {
		files["index/modules.json"] = `[{"path":"stdlib","vulns":[{"id":"GO-2026-9999","modified":` + modified + `}]}]`
		files["ID/GO-2026-9999.json"] = `{"schema_version":"1.3.1","id":"GO-2026-9999","modified":` + modified + `,"published":` + modified + `,
			"summary":"made up for a test","details":"made up","database_specific":{"url":"https://example.com"},"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
			"ecosystem_specific":{"imports":[{"path":"strings","symbols":["` + function + `"]}]}}]}`
	}
	return "file://" + write(t, t.TempDir(), files)
}

// TestVulnerabilityCheck runs the real tools on a small product, with
// databases made up here: it fails on findings, and only says so where a
// database cannot be reached.
func TestVulnerabilityCheck(t *testing.T) {
	govulncheck := pinned(t, "VULN", "govulncheck")
	product := write(t, t.TempDir(), map[string]string{
		"go.mod":       "module small\n\ngo 1.26\n",
		"main.go":      "package main\n\nimport (\n\t\"os\"\n\t\"strings\"\n)\n\nfunc main() { os.Stdout.WriteString(strings.ToUpper(\"x\")) }\n",
		"package.json": `{"name":"small","version":"1.0.0","dependencies":{"left":"1.0.0"}}`,
		"package-lock.json": `{"name":"small","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
			"":{"name":"small","version":"1.0.0","dependencies":{"left":"1.0.0"}},
			"node_modules/left":{"version":"1.0.0","resolved":"https://registry.npmjs.org/left/-/left-1.0.0.tgz","integrity":"sha512-AAAA"}}}`,
	})
	registry := func(advisories string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/advisories/bulk") {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write([]byte(advisories)); err != nil {
				t.Error(err)
			}
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	const advisory = `{"left":[{"id":1,"url":"https://example.com","title":"made up","severity":"high","vulnerable_versions":"<2.0.0","cwe":[],"cvss":{"score":0,"vectorString":null}}]}`
	clean, finding, nowhere := registry("{}"), registry(advisory), "http://127.0.0.1:1"
	for name, test := range map[string]struct {
		tool, db, registry string
		ok                 bool
		says               []string
	}{
		"nothing that is called": {govulncheck, vulnerabilities(t, "ToLower"), clean, true, []string{"2 of 2 checks"}},
		"findings":               {govulncheck, vulnerabilities(t, "ToUpper"), finding, false, []string{"GO-2026-9999", "Go: FAILED", "npm: FAILED, 1 packages"}},
		"npm's finding alone":    {govulncheck + ".none", "", finding, false, []string{"Go: NOT CHECKED", "npm: FAILED"}},
		"neither can be reached": {govulncheck, "", nowhere, true, []string{"Go: NOT CHECKED, the database", "npm: NOT CHECKED", "0 of 2 checks"}},
	} {
		// Without a database of its own it asks the real one, through a proxy that
		// is not there.
		env := []string{"VULNDB=" + test.db, "HTTPS_PROXY=http://127.0.0.1:1", "npm_config_noproxy=127.0.0.1", "npm_config_registry=" + test.registry, "npm_config_fetch_retries=0"}
		out, err := command(env, ".ci/check", test.tool, product, product)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		for _, words := range test.says {
			if !strings.Contains(out, words) {
				t.Errorf("%s does not say %q: %s", name, words, out)
			}
		}
	}
}

// TestPartsLists makes the lists of parts and finds in them what go.mod and
// package.json name, in their versions.
func TestPartsLists(t *testing.T) {
	pinned(t, "SBOM", "cyclonedx-gomod")
	shell(t, nil, "make", "--silent", "sbom")
	versions := func(file string) map[string]string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			BomFormat  string
			Components []struct{ Name, Version, Purl string }
		}
		if err := json.Unmarshal(text, &list); err != nil || list.BomFormat != "CycloneDX" {
			t.Fatalf("%s is no list of parts: %v", file, err)
		}
		found := map[string]string{}
		for _, part := range list.Components {
			if !strings.HasPrefix(part.Purl, "pkg:") {
				t.Errorf("%s: %s has no address", file, part.Name)
			}
			found[part.Name] = part.Version
		}
		return found
	}
	modules, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	gone := 0
	parts := versions("bin/cdds-go.cdx.json")
	for _, line := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`).FindAllSubmatch(modules, -1) {
		if parts[string(line[1])] != string(line[2]) {
			gone++
			t.Logf("%s %s is not a part of the product: %q", line[1], line[2], parts[string(line[1])])
		}
	}
	if len(parts) < 30 || gone > 3 { // what tests alone use is not in the list
		t.Errorf("%d parts, %d of go.mod are not among them", len(parts), gone)
	}
	var wanted struct{ Dependencies map[string]string }
	text, err := os.ReadFile("console/package.json")
	if err == nil {
		err = json.Unmarshal(text, &wanted)
	}
	if err != nil {
		t.Fatal(err)
	}
	parts = versions("bin/cdds-console.cdx.json")
	for name, version := range wanted.Dependencies {
		short := name[strings.LastIndex(name, "/")+1:] // a scope is a field of its own in some versions
		if parts[name] != version && parts[short] != version {
			t.Errorf("%s %s is not among the parts", name, version)
		}
	}
}

// TestPinned holds that every version is one: npm packages exactly, tools by
// the Makefile, Go by its toolchain.
func TestPinned(t *testing.T) {
	text, err := os.ReadFile("console/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var packages struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal(text, &packages); err != nil {
		t.Fatal(err)
	}
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for _, group := range []map[string]string{packages.Dependencies, packages.DevDependencies} {
		for name, version := range group {
			if !exact.MatchString(version) {
				t.Errorf("%s is %s, which is no one version", name, version)
			}
		}
	}
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^toolchain go1\.\d+\.\d+$`).Match(module) {
		t.Error("go.mod names no toolchain")
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if loose := regexp.MustCompile(`go install \S+@(latest|master|main)`).Find(makefile); loose != nil {
		t.Errorf("the Makefile installs %s", loose)
	}
}

// TestSameBytes builds in two folders and compares. "make reproducible" does
// the same with empty caches, and builds the console twice as well.
func TestSameBytes(t *testing.T) {
	out := shell(t, nil, ".ci/reproducible", "--quick")
	if !strings.Contains(out, "the same bytes") {
		t.Errorf("it says %s", out)
	}
}
