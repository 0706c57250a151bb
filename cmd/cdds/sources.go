package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"cdds"
	"cdds/source"
	"cdds/telemetry"
)

// namedSources are the sources of tenants that have one of their own, by name:
// a mapping in the settings file, or YAML text in the environment. It is looked
// at only after the command line is parsed, since kong repeats values that it
// cannot read, and these hold passwords.
type namedSources struct{ value any }

// Decode takes the value as it comes.
func (n *namedSources) Decode(ctx *kong.DecodeContext) error { //nolint:unparam // kong wants it so
	n.value = ctx.Scan.Pop().Value
	return nil
}

// sourceSetting is one source: what the settings say of it, and for what they
// leave out what holds for the deployment's own.
type sourceSetting struct {
	DSN           string   `json:"dsn"`
	DSNFile       string   `json:"dsnFile"`
	Mapping       string   `json:"mapping"`
	Connections   *int32   `json:"connections"`
	RowsPerSecond *int64   `json:"rowsPerSecond"`
	MBPerSecond   *float64 `json:"mbPerSecond"`
	Quiet         []string `json:"quiet"`
	Timeout       string   `json:"timeout"`
	MaxLag        string   `json:"maxLag"`
}

// settings reads what the settings say of the named sources. No error repeats
// a value.
func (n namedSources) settings() (map[string]sourceSetting, error) {
	value := n.value
	if text, isText := value.(string); isText {
		value = nil
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return nil, badSources("is not valid YAML")
		}
	}
	if value == nil {
		return nil, nil
	}
	// By way of JSON, whose decoder knows unknown keys and names no values.
	text, err := json.Marshal(value)
	if err != nil {
		return nil, badSources("is not a mapping of names to sources")
	}
	found := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, badSources("is not a mapping of names to sources")
	}
	settings := map[string]sourceSetting{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !cdds.ValidSourceName(name) || name == cdds.DefaultSource {
			return nil, badSources("has a name that is not made of lower-case letters, digits and hyphens, or is \"default\"")
		}
		var one sourceSetting
		decoder := json.NewDecoder(bytes.NewReader(found[name]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&one); err != nil {
			return nil, badSources("has a source " + name + " that cannot be read: " + withoutValue(err))
		}
		if (one.DSN == "") == (one.DSNFile == "") {
			return nil, badSources("has a source " + name + " without dsn or dsnFile, or with both")
		}
		settings[name] = one
	}
	return settings, nil
}

// withoutValue says what is wrong with a source's settings, by their keys. A
// space that is missing behind a colon makes a value a part of its key, so what
// is not a word is not repeated.
func withoutValue(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return strings.TrimSpace(kind.Field + " has the wrong type")
	}
	unknown := regexp.MustCompile(`^json: unknown field "([A-Za-z-]+)"$`).FindStringSubmatch(err.Error())
	if unknown == nil {
		return "it has a setting that is not known"
	}
	return unknown[1] + " is not a setting"
}

func badSources(what string) error {
	return &cdds.Error{Code: cdds.CodeInvalid, Message: "The setting sources " + what + ".",
		Hint: "It names each source once, with dsn or dsnFile and, where needed, mapping, connections, rowsPerSecond, mbPerSecond, quiet, timeout and maxLag; docs/tenants.md shows how."}
}

// dsn returns the source's address. A file is read anew each time.
func (s sourceSetting) dsn(name string) (string, error) {
	if s.DSNFile == "" {
		return s.DSN, nil
	}
	text, err := readSmall(s.DSNFile)
	if err != nil {
		return "", &cdds.Error{Code: cdds.CodeInvalid, Message: "The file with the DSN of the source " + name + " cannot be read.",
			Hint: "Look at its dsnFile in the settings, and whether the service may read that file.", Err: err}
	}
	return strings.TrimSpace(text), nil
}

// readSmall reads the beginning of a file, which is more than any DSN is long.
func readSmall(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(file, most))
	return string(text), closing(file, err)
}

// flags returns the settings as the flags of the deployment's own source would
// give them. The deployment's mapping is of its own source alone.
func (s sourceSetting) flags(name string, connect sourceFlags, limit limitFlags) (sourceFlags, limitFlags, error) {
	connect.Mapping = s.Mapping
	set(&connect.SourceConnections, s.Connections)
	set(&limit.SourceRowsPerSecond, s.RowsPerSecond)
	set(&limit.SourceMBPerSecond, s.MBPerSecond)
	if s.Quiet != nil {
		limit.SourceQuiet = s.Quiet
	}
	if err := errors.Join(setDuration(&limit.SourceTimeout, s.Timeout), setDuration(&limit.SourceMaxLag, s.MaxLag)); err != nil {
		return connect, limit, badSources("has a source " + name + " whose timeout or maxLag is not a duration such as 10m")
	}
	var err error
	connect.Source, err = s.dsn(name)
	return connect, limit, err
}

func setDuration(field *time.Duration, text string) (err error) {
	if text != "" {
		*field, err = time.ParseDuration(text)
	}
	return err
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// registry returns all sources of the settings, behind their limits. None is
// opened yet. The probe may be nil.
func (f sourceFlags) registry(limit limitFlags, data string, probe *telemetry.Probe, log *slog.Logger) (*source.Registry, error) {
	settings, err := f.Sources.settings()
	if err != nil {
		return nil, err
	}
	if err := f.distinct(settings, data); err != nil {
		return nil, err
	}
	open := map[string]func(context.Context) (source.Source, error){
		"": func(ctx context.Context) (source.Source, error) { return limit.guard(ctx, f, data, probe, log) },
	}
	for name, setting := range settings {
		open[name] = func(ctx context.Context) (source.Source, error) {
			connect, limit, err := setting.flags(name, f, limit)
			if err != nil {
				return nil, err
			}
			src, err := limit.guard(ctx, connect, data, probe, log)
			return src, ofSource(name, err)
		}
	}
	return source.NewRegistry(open), nil
}

// distinct refuses two names for one database: a number of Contact History may
// be two tenants' in two databases, but in one of them they would read each
// other's data. It sees what is written alike, and no more.
func (f sourceFlags) distinct(settings map[string]sourceSetting, data string) error {
	names := map[string]string{f.source(data): cdds.DefaultSource}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		dsn, err := settings[name].dsn(name)
		if err != nil {
			continue // its own runs fail for it, and doctor says so
		}
		if first, taken := names[dsn]; taken {
			return &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("The sources %s and %s have the same DSN.", first, name),
				Hint: "Give each database one name; tenants of different numbers may share it."}
		}
		names[dsn] = name
	}
	return nil
}

// ofSource says which source an error is about.
func ofSource(name string, err error) error {
	var e *cdds.Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	named.Message = "Source " + name + ": " + e.Message
	return &named
}
