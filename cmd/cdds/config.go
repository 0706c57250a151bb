package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// dataFlags are the settings of everything that touches the service's state.
type dataFlags struct {
	Data     string `help:"Folder of the service's own data." default:"./data" env:"CDDS_DATA" type:"path"`
	Database string `help:"Metadata database: postgres://... or sqlite:FILE; default is cdds.db in the data folder." env:"CDDS_DATABASE" placeholder:"DSN"`
}

// database returns the metadata database's DSN.
func (f dataFlags) database() string {
	if f.Database != "" {
		return f.Database
	}
	return "sqlite:" + filepath.Join(f.Data, "cdds.db")
}

// sourceFlags are the settings of the database that is read.
type sourceFlags struct {
	Source  string `help:"Contact History: postgres://... or sqlite:FILE; default is the sample in the data folder." env:"CDDS_SOURCE" placeholder:"DSN"`
	Mapping string `help:"YAML file that names the tables and columns of a source that differs from the reference schema." env:"CDDS_MAPPING" placeholder:"FILE" type:"path"`
	// The settings file holds it as a mapping; the flag is for the environment.
	Sources namedSources `help:"Sources of tenants that have one of their own, by name; a mapping in the settings file (docs/tenants.md)." env:"CDDS_SOURCES" placeholder:"YAML"`
	// All nodes take the same number: each keeps to its own.
	SourceConnections int32 `help:"Most connections to a source's server at a time, of all nodes together." default:"4" env:"CDDS_SOURCE_CONNECTIONS"`
}

// source returns the source's DSN.
func (f sourceFlags) source(data string) string {
	if f.Source != "" {
		return f.Source
	}
	return "sqlite:" + samplePath(data)
}

// storageFlags are the settings of the artifact storage.
type storageFlags struct {
	Artifacts string        `help:"Artifact storage: a folder, or a URL that begins with file:, s3:, gs: or azblob:; default is the folder artifacts in the data folder (docs/storage.md)." env:"CDDS_ARTIFACTS" placeholder:"URL"`
	Retention time.Duration `help:"How long artifacts are kept." default:"720h" env:"CDDS_RETENTION"`
}

// artifacts returns the folder of the artifact storage.
func (f storageFlags) artifacts(data string) string {
	if f.Artifacts != "" {
		return f.Artifacts
	}
	return filepath.Join(data, "artifacts")
}

// outputFlags choose between text for people and JSON for scripts.
type outputFlags struct {
	Output string `help:"text or json." enum:"text,json" default:"text" short:"o"`
}

// samplePath is where the sample Contact History lies.
func samplePath(data string) string { return filepath.Join(data, "contact-history.db") }

// fileResolver gives kong the settings of the YAML file. A flag beats the
// environment, which beats the file; kong alone would let the file win over
// the environment.
type fileResolver struct {
	path   string
	values map[string]any
}

// readSettings reads the file, if there is one, before kong asks for values.
func readSettings(path string) (*fileResolver, error) {
	r := &fileResolver{path: path}
	if path == "" {
		return r, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := yaml.Unmarshal(text, &r.values); err != nil {
		return nil, notYAML(path, err)
	}
	return r, nil
}

// notYAML says where a settings file cannot be read. The library's own text
// repeats the lines around, and these may hold a password.
func notYAML(path string, err error) error {
	where := ""
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		where = fmt.Sprintf(", line %d", at.GetToken().Position.Line)
	}
	return fmt.Errorf("the configuration %s is not valid YAML%s", path, where)
}

// Validate refuses keys that are no flag of any command.
func (r *fileResolver) Validate(app *kong.Application) error {
	known := map[string]bool{}
	collectFlags(app.Node, known)
	var unknown []string
	for key := range r.values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fmt.Errorf("the configuration %s has unknown settings: %s", r.path, strings.Join(unknown, ", "))
	}
	return nil
}

// collectFlags gathers the names of all flags below a node.
func collectFlags(node *kong.Node, names map[string]bool) {
	for _, flag := range node.Flags {
		names[flag.Name] = true
	}
	for _, child := range node.Children {
		collectFlags(child, names)
	}
}

// Resolve returns the file's value of a flag unless the environment has one.
func (r *fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return r.values[flag.Name], nil
}

// configPath finds the configuration file before the command line is parsed.
func configPath(args []string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			return value
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("CDDS_CONFIG")
}
