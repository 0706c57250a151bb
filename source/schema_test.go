package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cdds/source"
)

// node is a schema, as far as ours use the words of draft-07.
type node struct {
	Schema     string `json:"$schema"`
	ID         string `json:"$id"`
	Title      string
	Text       string `json:"description"`
	Type       any
	Properties keys
	Required   []string
	Additional *bool `json:"additionalProperties"`
	Items      *node
	Examples   []any
	Pattern    string
	MaxLength  int
	Encoding   string `json:"contentEncoding"`
}

// keys are properties in their order.
type keys struct {
	names []string
	nodes map[string]*node
}

func (k *keys) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &k.nodes); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		k.names = append(k.names, name.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

// mayBeNull says whether null is allowed, and which type otherwise.
func (n *node) mayBeNull() (kind string, null bool) {
	if list, ok := n.Type.([]any); ok {
		return fmt.Sprint(list[0]), len(list) == 2 && list[1] == "null"
	}
	return fmt.Sprint(n.Type), false
}

// TestFields compares the schemas with the fields of the records: keys, their
// order, their types, and that all are required and described.
func TestFields(t *testing.T) {
	if got := source.SchemaNames(); !slices.Equal(got, []string{"interaction", "attachment", "contact"}) {
		t.Fatalf("the schemas are %v", got)
	}
	for _, name := range source.SchemaNames() {
		t.Run(name, func(t *testing.T) {
			text, ok := source.Schema(name)
			if !ok {
				t.Fatal("there is none")
			}
			var root node
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			if err := d.Decode(&root); err != nil {
				t.Fatal(err)
			}
			if root.ID != "urn:cdds:schema:"+source.SchemaVersion+":"+name || root.Schema != "http://json-schema.org/draft-07/schema#" {
				t.Errorf("$id %q, $schema %q", root.ID, root.Schema)
			}
			want := map[string][]string{}
			for _, f := range source.Fields(source.Entity(name)) {
				want[f.Group] = append(want[f.Group], f.Name)
				checkField(t, &root, f)
			}
			if name == "contact" {
				want[""] = append(want[""], "attributes")
				checkObject(t, "attributes", root.Properties.nodes["attributes"].Items, []string{"name", "value", "primary", "description"})
			}
			for group, names := range want {
				object := &root
				if group != "" {
					object = root.Properties.nodes[group]
				}
				checkObject(t, group, object, names)
			}
		})
	}
	if _, ok := source.Schema("Interaction"); ok {
		t.Error("there is a schema with another name")
	}
}

// checkObject checks that an object has exactly these keys, all of them always.
func checkObject(t *testing.T, place string, n *node, names []string) {
	t.Helper()
	if !slices.Equal(n.Properties.names, names) {
		t.Errorf("%q has the keys %v, want %v", place, n.Properties.names, names)
	}
	if !slices.Equal(n.Required, names) {
		t.Errorf("%q requires %v, want %v", place, n.Required, names)
	}
	if n.Additional == nil || *n.Additional {
		t.Errorf("%q allows other keys", place)
	}
	for name, key := range n.Properties.nodes {
		if key.Title == "" || key.Text == "" || len(key.Examples) == 0 && key.Properties.names == nil {
			t.Errorf("%s.%s lacks a title, a description or an example", place, name)
		}
	}
}

// checkField compares the type of a key with the kind of the field.
func checkField(t *testing.T, root *node, f source.Field) {
	t.Helper()
	object := root
	if f.Group != "" {
		object = root.Properties.nodes[f.Group]
	}
	n := object.Properties.nodes[f.Name]
	if n == nil {
		t.Errorf("no key %s", f.Name)
		return
	}
	kind, null := n.mayBeNull()
	want := map[source.Kind]string{
		source.Text: "string", source.Int: "integer", source.Bool: "boolean", source.Instant: "string",
		source.JSON: "object", source.Binary: "string", source.Group: "object",
	}[f.Kind]
	if kind != want || (f.Kind == source.Instant) != (n.Pattern != "") || (f.Kind == source.Binary) != (n.Encoding == "base64") {
		t.Errorf("%s has the type %s, want %s; pattern %q, encoding %q", f.Name, kind, want, n.Pattern, n.Encoding)
	}
	// Only keys that no mapping can leave out are never null.
	always := []string{"ixnId", "startDate", "mediaTypeId", "id", "entityId", "contactId", "createdDate"}
	if root.Title != "Attachment" {
		always = append(always, "tenantId")
	}
	sometimes := f.Group != "" || root.Title == "Attachment" && f.Name == "createdDate" || root.Title == "Interaction" && f.Name == "contactId"
	if never := slices.Contains(always, f.Name) && !sometimes; null == never {
		t.Errorf("%s may be null: %t", f.Name, null)
	}
}

// TestDraft07 compiles the schemas, with the examples as judges: each must be
// valid where it stands, and an instant that is none must not.
func TestDraft07(t *testing.T) {
	for _, name := range source.SchemaNames() {
		text, _ := source.Schema(name)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("schema.json", document); err != nil {
			t.Fatal(err)
		}
		compiled, err := compiler.Compile("schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if compiled.DraftVersion != 7 {
			t.Errorf("%s is of draft %d", name, compiled.DraftVersion)
		}
		checkExamples(t, name, compiled)
	}
}

func checkExamples(t *testing.T, place string, s *jsonschema.Schema) {
	t.Helper()
	for _, example := range s.Examples {
		if err := s.Validate(example); err != nil {
			t.Errorf("example of %s: %v", place, err)
		}
	}
	if s.Pattern != nil {
		for text, valid := range map[string]bool{
			"2026-02-01T09:30:00Z": true, "2026-02-01T09:30:00.000001Z": true, "+010000-01-01T00:00:00Z": true, "-000001-12-31T00:00:00Z": true,
			"infinity": true, "-infinity": true, "2026-02-01": false, "2026-02-01T09:30:00": false, "2026-02-01T09:30:00.Z": false,
			"2026-02-01T09:30:00.1234567Z": false, "2026-02-01T09:30:00+01:00": false, "+infinity": false, "": false,
		} {
			if err := s.Validate(text); (err == nil) != valid {
				t.Errorf("%s: %q is valid: %t", place, text, err == nil)
			}
		}
	}
	for key, property := range s.Properties {
		checkExamples(t, place+"."+key, property)
	}
}
