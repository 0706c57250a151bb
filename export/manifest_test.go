package export

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/source"
)

// manifestOf is the manifest of a made-up run of two parts.
func manifestOf(t *testing.T) (Manifest, identity) {
	t.Helper()
	id := newIdentity(t)
	spec := newSpec(id)
	zone := time.FixedZone("", 7200)
	spec.Window.Start = time.Date(2026, 1, 1, 2, 0, 0, 0, zone)
	hash := strings.Repeat("0123456789abcdef", 4)
	result := &Result{
		Records: map[source.Entity]int64{source.Interaction: 2, source.Attachment: 1}, SnapshotFirst: now.Add(1500 * time.Millisecond).In(zone), SnapshotLast: now.Add(2 * time.Second),
		Artifacts: []Artifact{
			{Name: "export-run-1-0001.zip.p7m", Key: "a/export-run-1-0001.zip.p7m", Part: 1, Parts: 2, Size: 900, SHA256: hash, Files: []File{{
				Name: "Interaction-run-1-0001.json", Entity: source.Interaction, Records: 2, Size: 1000, SHA256: hash,
				First: source.Key{At: 0, ID: "i1"}, Last: source.Key{At: math.MaxInt64, ID: "i2"}}}},
			{Name: "export-run-1-0002.zip.p7m", Key: "a/export-run-1-0002.zip.p7m", Part: 2, Parts: 2, Size: 800, SHA256: hash, Files: []File{{
				Name: "Interaction-Attachment-run-1-0002.json", Entity: source.Attachment, Records: 1, Size: 10, SHA256: hash,
				First: source.Key{At: 1500000, ID: "i1", Sub: "a1"}, Last: source.Key{At: 1500000, ID: "i1", Sub: "a1"}}}},
		},
	}
	return NewManifest(spec, result, json.RawMessage(`{"title":"Nightly"}`), "1.2.3", now.In(zone)), id
}

// TestManifest compares the whole text: it is a contract.
func TestManifest(t *testing.T) {
	m, id := manifestOf(t)
	text, err := json.MarshalIndent(m, "", " ")
	must(t, err)
	hash := strings.Repeat("0123456789abcdef", 4)
	want := strings.NewReplacer("HASH", hash, "FINGERPRINT", cdds.Fingerprint(id.cert)).Replace(`{
 "run": "run-1",
 "type": "interaction",
 "job": {
  "title": "Nightly"
 },
 "window": {
  "start": "2026-01-01T00:00:00Z",
  "end": "2026-03-01T12:00:00Z",
  "by": "startDate"
 },
 "snapshot": {
  "mode": "range",
  "first": "2026-03-01T12:00:01.5Z",
  "last": "2026-03-01T12:00:02Z"
 },
 "records": {
  "attachment": 1,
  "interaction": 2
 },
 "artifacts": [
  {
   "name": "export-run-1-0001.zip.p7m",
   "part": 1,
   "parts": 2,
   "size": 900,
   "sha256": "HASH",
   "files": [
    {
     "name": "Interaction-run-1-0001.json",
     "entity": "interaction",
     "records": 2,
     "size": 1000,
     "sha256": "HASH",
     "firstKey": {
      "at": "1970-01-01T00:00:00Z",
      "id": "i1"
     },
     "lastKey": {
      "at": "infinity",
      "id": "i2"
     }
    }
   ]
  },
  {
   "name": "export-run-1-0002.zip.p7m",
   "part": 2,
   "parts": 2,
   "size": 800,
   "sha256": "HASH",
   "files": [
    {
     "name": "Interaction-Attachment-run-1-0002.json",
     "entity": "attachment",
     "records": 1,
     "size": 10,
     "sha256": "HASH",
     "firstKey": {
      "at": "1970-01-01T00:00:01.5Z",
      "id": "i1",
      "sub": "a1"
     },
     "lastKey": {
      "at": "1970-01-01T00:00:01.5Z",
      "id": "i1",
      "sub": "a1"
     }
    }
   ]
  }
 ],
 "recipients": [
  {
   "fingerprint": "FINGERPRINT",
   "subject": "CN=ann,O=Alpha",
   "notAfter": "2027-03-01T12:00:00Z"
  }
 ],
 "encryption": {
  "content": "AES-256-CBC",
  "keyTransport": "RSA PKCS #1 v1.5"
 },
 "productVersion": "1.2.3",
 "schemaVersion": "1",
 "createdAt": "2026-03-01T12:00:00Z"
}`)
	equal(t, "manifest", string(text), want)

	compact, err := json.Marshal(m)
	must(t, err)
	back, err := ParseManifest(compact)
	must(t, err)
	if !reflect.DeepEqual(back, m) {
		t.Errorf("read back: %+v", back)
	}
}

// TestManifestOfContacts: they have no date in their keys, and no data gives an
// empty list.
func TestManifestOfContacts(t *testing.T) {
	spec := newSpec(newIdentity(t))
	spec.Type = cdds.TypeContact
	result := &Result{OneSnapshot: true, Records: map[source.Entity]int64{source.Contact: 0}}
	text, err := json.Marshal(NewManifest(spec, result, nil, "1", now))
	must(t, err)
	for _, part := range []string{`"start":null`, `"mode":"run"`, `"artifacts":[]`, `"records":{"contact":0}`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
	equal(t, "key", fmt.Sprint(keyOf(source.Contact, source.Key{ID: "c1"})), "{ c1 }")
}

func TestParseManifestRefuses(t *testing.T) {
	m, _ := manifestOf(t)
	good, err := json.Marshal(m)
	must(t, err)
	for name, change := range map[string][2]string{
		"unknown key":      {`"run":`, `"walk":1,"run":`},
		"unknown file key": {`"entity":`, `"kind":1,"entity":`},
		"no run":           {`"run":"run-1"`, `"run":""`},
		"other schema":     {`"schemaVersion":"1"`, `"schemaVersion":"99"`},
		"short hash":       {`"sha256":"01`, `"sha256":"`},
		"upper-case hash":  {`9abcdef"`, `9ABCDEF"`},
		"no name":          {`"name":"Interaction-run-1-0001.json"`, `"name":""`},
		"no artifact":      {`"name":"export-run-1-0002.zip.p7m"`, `"name":""`},
		"text as number":   {`"size":900`, `"size":"900"`},
		"no date":          {`2026-01-01T00:00:00Z`, `yesterday`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := ParseManifest([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", string(good) + "{}", string(good[:len(good)-1])} {
		if _, err := ParseManifest([]byte(text)); err == nil {
			t.Errorf("%.20q: accepted", text)
		}
	}
}
