package cdds_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// text reads a file of the project.
func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestUnit has systemd judge the unit, and prints how exposed it leaves the
// service.
func TestUnit(t *testing.T) {
	t.Parallel()
	const mostExposed = 1.5
	// The program is looked for, and is not installed here.
	unit := strings.Replace(text(t, "packaging/systemd/cdds.service"), "ExecStart=/usr/bin/cdds", "ExecStart=/bin/true", 1)
	path := filepath.Join(write(t, t.TempDir(), map[string]string{
		"cdds.service": unit, "cdds.service.d/credentials.conf": text(t, "packaging/systemd/credentials.conf"),
	}), "cdds.service")
	if said := shell(t, nil, "systemd-analyze", "verify", "--man=no", path); said != "" {
		t.Errorf("systemd says of the unit: %s", said)
	}
	table := strings.TrimSpace(shell(t, nil, "systemd-analyze", "security", "--offline=true", "--no-pager", path))
	verdict := table[strings.LastIndex(table, "\n")+1:]
	found := regexp.MustCompile(`: ([0-9.]+) `).FindStringSubmatch(verdict)
	if found == nil {
		t.Fatalf("there is no score in %q", verdict)
	}
	t.Log(verdict)
	if exposed, err := strconv.ParseFloat(found[1], 64); err != nil || exposed > mostExposed {
		t.Errorf("the service is more exposed than %.1f: %s", mostExposed, verdict)
	}
}

// TestDebianPackage builds a package around a stand-in for the program, twice,
// and looks at what is in it. "make package-test" installs a real one.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	dir := write(t, t.TempDir(), map[string]string{"program": "#!/bin/sh\n", "notices": "none\n"})
	build := func(folder string) string {
		out := shell(t, []string{"SOURCE_DATE_EPOCH=1767225600"}, "packaging/debian/build", "1.2.0-rc.1", "amd64",
			filepath.Join(dir, "program"), filepath.Join(dir, "notices"), filepath.Join(dir, folder))
		return strings.TrimSpace(out)
	}
	first, second := build("one"), build("two")
	if text(t, first) != text(t, second) {
		t.Error("the same program gives two different packages")
	}
	if version := strings.TrimSpace(shell(t, nil, "dpkg-deb", "--field", first, "Version")); version != "1.2.0~rc.1-1" {
		t.Errorf("the package has version %s", version)
	}
	contents := shell(t, nil, "dpkg-deb", "--contents", first)
	for _, line := range []string{
		`-rwxr-xr-x root/root .* \./usr/bin/cdds\n`, `-rw-r----- root/root .* \./etc/cdds/config\.yaml\n`, `drwxr-x--- root/root .* \./etc/cdds/\n`,
		`-rw-r--r-- root/root .* \./usr/lib/systemd/system/cdds\.service\n`, `\./usr/lib/sysusers\.d/cdds\.conf\n`,
		`\./usr/share/man/man1/cdds\.1\.gz\n`, `\./usr/share/doc/cdds/copyright\n`, `\./usr/share/doc/cdds/changelog\.gz\n`, `\./usr/share/doc/cdds/install\.md\n`,
	} {
		if !regexp.MustCompile(line).MatchString(contents) {
			t.Errorf("the package has no line %s", line)
		}
	}
	control := filepath.Join(dir, "control")
	shell(t, nil, "dpkg-deb", "--control", first, control)
	if files := text(t, filepath.Join(control, "conffiles")); files != "/etc/cdds/config.yaml\n" {
		t.Errorf("the settings that updates keep are %q", files)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		shell(t, nil, "sh", "-n", filepath.Join(control, script))
	}
	if out, err := command(nil, "packaging/debian/build", "v1", "amd64", first, first, dir); err == nil {
		t.Errorf("a version that is none was taken: %s", out)
	}
}

// TestContainerFiles checks what no engine is here to try: the image runs one
// program as nobody in particular, and is built with the project's own tools.
func TestContainerFiles(t *testing.T) {
	t.Parallel()
	recipe := text(t, "packaging/docker/Dockerfile")
	image := recipe[strings.LastIndex(recipe, "\nFROM "):]
	toolchain := regexp.MustCompile(`toolchain go(\S+)`).FindStringSubmatch(text(t, "go.mod"))[1]
	for _, wanted := range []struct{ in, line string }{
		{recipe, "golang:" + toolchain + "-"}, {recipe, "npm ci --ignore-scripts"}, {recipe, "CGO_ENABLED=0"},
		{image, "/static-debian12:nonroot\n"}, {image, "\nUSER 65532:65532\n"}, {image, `CMD ["/usr/bin/cdds", "probe"]`},
		{image, `ENTRYPOINT ["/usr/bin/cdds"]`}, {image, `CMD ["serve"]`},
	} {
		if !strings.Contains(wanted.in, wanted.line) {
			t.Errorf("the Dockerfile lacks %q", wanted.line)
		}
	}
	if strings.Contains(image, "\nRUN ") {
		t.Error("the image has no shell, so nothing can be run in it")
	}
	var compose struct {
		Services map[string]struct {
			ReadOnly bool     `yaml:"read_only"`
			Drop     []string `yaml:"cap_drop"`
			Security []string `yaml:"security_opt"`
			Ports    []string `yaml:"ports"`
			Secrets  []string `yaml:"secrets"`
		} `yaml:"services"`
		Secrets map[string]any `yaml:"secrets"`
	}
	if err := yaml.Unmarshal([]byte(text(t, "packaging/docker/compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	service := compose.Services["cdds"]
	if !service.ReadOnly || !slices.Equal(service.Drop, []string{"ALL"}) || !slices.Contains(service.Security, "no-new-privileges:true") {
		t.Errorf("the service has more rights than it needs: %+v", service)
	}
	for name, s := range compose.Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is open to the network at %s", name, port)
			}
		}
		for _, secret := range s.Secrets {
			if compose.Secrets[secret] == nil {
				t.Errorf("%s asks for the secret %s, which is not defined", name, secret)
			}
		}
	}
}
