// Package schema holds the JSON Schemas (draft-07) of the exported records,
// one for each kind of line, as they are served to the readers of exports.
package schema

import _ "embed"

// Version is the version of the record formats. It changes when a key changes
// its meaning or goes; new keys leave it as it is.
const Version = "1"

//go:embed interaction.json
var interaction []byte

//go:embed attachment.json
var attachment []byte

//go:embed contact.json
var contact []byte

// Names lists the schemas.
func Names() []string { return []string{"interaction", "attachment", "contact"} }

// Get returns a schema's text by its name.
func Get(name string) ([]byte, bool) {
	switch name {
	case "interaction":
		return interaction, true
	case "attachment":
		return attachment, true
	case "contact":
		return contact, true
	}
	return nil, false
}
