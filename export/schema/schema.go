// Package schema holds the JSON Schemas (draft-07) of the exported records,
// one for each kind of line, as they are served to the readers of exports.
package schema

import (
	"embed"
	"errors"
	"io/fs"
)

// Version is the version of the record formats. It changes when a key changes
// its meaning or goes; new keys leave it as it is.
const Version = "1"

//go:embed *.json
var files embed.FS

// Names lists the schemas.
func Names() []string { return []string{"interaction", "attachment", "contact"} }

// Get returns a schema's text by its name.
func Get(name string) ([]byte, bool) {
	text, err := files.ReadFile(name + ".json")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, false
	}
	return text, err == nil
}
