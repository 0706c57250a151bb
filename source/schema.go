package source

import (
	"embed"
	"errors"
	"io/fs"
)

// SchemaVersion is the version of the record formats. It changes when a key
// changes its meaning or goes; new keys leave it as it is.
const SchemaVersion = "1"

// schemas are the JSON Schemas (draft-07) of the exported records, one for each
// kind of line, as they are served to the readers of exports.
//
//go:embed schema/*.json
var schemas embed.FS

// SchemaNames lists the schemas of the exported records.
func SchemaNames() []string { return []string{"interaction", "attachment", "contact"} }

// Schema returns a schema's text by its name.
func Schema(name string) ([]byte, bool) {
	text, err := schemas.ReadFile("schema/" + name + ".json")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, false
	}
	return text, err == nil
}
