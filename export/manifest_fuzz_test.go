package export

import (
	"encoding/json"
	"reflect"
	"testing"

	"cdds/source"
)

// FuzzParseManifest: whatever comes, it is refused, or every artifact and file
// in it has a name and a hash, and it reads the same when it is written again.
func FuzzParseManifest(f *testing.F) {
	const sum = `"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	f.Add([]byte(`{"run": "r1", "schemaVersion": "` + source.SchemaVersion + `", "job": {"title": "x"}, "window": {"start": null, "end": "2020-01-01T00:00:00Z", "by": "startDate"},
		"records": {"interaction": 3}, "artifacts": [{"name": "a", "part": 1, "parts": 1, "size": 9, "sha256": ` + sum + `,
		"files": [{"name": "f", "records": 3, "size": 5, "sha256": ` + sum + `, "firstKey": {"id": "1"}, "lastKey": {"at": "x", "id": "3", "sub": "7"}}]}]}`))
	f.Add([]byte(`{"run": "r1", "schemaVersion": "` + source.SchemaVersion + `", "artifacts": [{"name": "a", "sha256": ""}]}`))
	f.Add([]byte(`{"run": "r1", "schemaVersion": "` + source.SchemaVersion + `", "artifacts": null} {}`))
	f.Add([]byte(`{"run": 1}`))
	f.Add([]byte(`[[[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		for _, a := range m.Artifacts {
			if a.Name == "" || len(a.SHA256) != 64 {
				t.Fatalf("accepted an artifact %q with the hash %q", a.Name, a.SHA256)
			}
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("an accepted manifest cannot be written: %v", err)
		}
		again, err := ParseManifest(written)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, written)
		}
		rewritten, err := json.Marshal(again)
		if err != nil || !reflect.DeepEqual(rewritten, written) {
			t.Fatalf("%v: written as\n%s\nand then as\n%s", err, written, rewritten)
		}
	})
}
