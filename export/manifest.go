package export

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// Manifest is the machine-readable account of a run. Its JSON form is a
// contract with the readers of exports; keys of it are only ever added.
type Manifest struct {
	Run            string                  `json:"run"`
	Type           cdds.EntityType         `json:"type"`
	Job            json.RawMessage         `json:"job"` // the job as it was, in its public form
	Window         ManifestWindow          `json:"window"`
	Snapshot       ManifestSnapshot        `json:"snapshot"`
	Records        map[source.Entity]int64 `json:"records"`   // of each kind that the run reads
	Artifacts      []ManifestArtifact      `json:"artifacts"` // empty where there was no data
	Recipients     []ManifestRecipient     `json:"recipients"`
	Encryption     ManifestEncryption      `json:"encryption"`
	ProductVersion string                  `json:"productVersion"`
	SchemaVersion  string                  `json:"schemaVersion"` // of the JSON Schemas of the records
	CreatedAt      time.Time               `json:"createdAt"`
}

// ManifestWindow is the run's half-open window; a null start is the beginning.
type ManifestWindow struct {
	Start *time.Time     `json:"start"`
	End   time.Time      `json:"end"`
	By    cdds.DateField `json:"by"` // the date that decides
}

// ManifestSnapshot says of which moments the records are: of one, or of the
// time from the first to the last range's snapshot, by the source's clock.
type ManifestSnapshot struct {
	Mode  string    `json:"mode"` // "run" or "range"
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// ManifestArtifact is one artifact.
type ManifestArtifact struct {
	Name   string         `json:"name"`
	Part   int            `json:"part"`
	Parts  int            `json:"parts"`
	Size   int64          `json:"size"`   // bytes of the DER form
	SHA256 string         `json:"sha256"` // of the DER form, lower-case hex
	Files  []ManifestFile `json:"files"`
}

// ManifestFile is one file inside of an artifact.
type ManifestFile struct {
	Name     string        `json:"name"`
	Entity   source.Entity `json:"entity"`
	Records  int64         `json:"records"` // lines
	Size     int64         `json:"size"`    // bytes
	SHA256   string        `json:"sha256"`  // lower-case hex
	FirstKey ManifestKey   `json:"firstKey"`
	LastKey  ManifestKey   `json:"lastKey"`
}

// ManifestKey is a record's place in the order of reading.
type ManifestKey struct {
	// At is the start date of the interaction in the form of the records.
	// Contacts have none.
	At  string `json:"at,omitempty"`
	ID  string `json:"id"`            // of the interaction or the contact
	Sub string `json:"sub,omitempty"` // of the attachment
}

// ManifestEncryption says what the artifacts are encrypted with. Both are empty
// in manifests of versions without a choice, which is AES-256-CBC and RSA PKCS #1
// v1.5.
type ManifestEncryption struct {
	Content      string `json:"content"`
	KeyTransport string `json:"keyTransport"`
}

// ManifestRecipient is a certificate that the artifacts are encrypted to.
type ManifestRecipient struct {
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the DER form, lower-case hex
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
}

// NewManifest accounts for a finished run.
func NewManifest(spec Spec, r *Result, job json.RawMessage, productVersion string, now time.Time) Manifest {
	m := Manifest{
		Run: spec.RunID, Type: spec.Type, Job: job, Window: ManifestWindow{End: spec.Window.End.UTC(), By: spec.By},
		Snapshot: ManifestSnapshot{Mode: "range", First: r.SnapshotFirst.UTC(), Last: r.SnapshotLast.UTC()},
		Records:  r.Records, Artifacts: []ManifestArtifact{}, Recipients: recipientsOf(spec.Recipients),
		ProductVersion: productVersion, SchemaVersion: source.SchemaVersion, CreatedAt: now.UTC(),
	}
	m.Encryption.Content, m.Encryption.KeyTransport = cms.ProfileOf(spec.Encryption).Names()
	if !spec.Window.Start.IsZero() {
		start := spec.Window.Start.UTC()
		m.Window.Start = &start
	}
	if r.OneSnapshot {
		m.Snapshot.Mode = "run"
	}
	for _, a := range r.Artifacts {
		out := ManifestArtifact{Name: a.Name, Part: a.Part, Parts: a.Parts, Size: a.Size, SHA256: a.SHA256}
		for _, f := range a.Files {
			out.Files = append(out.Files, ManifestFile{
				Name: f.Name, Entity: f.Entity, Records: f.Records, Size: f.Size, SHA256: f.SHA256,
				FirstKey: keyOf(f.Entity, f.First), LastKey: keyOf(f.Entity, f.Last),
			})
		}
		m.Artifacts = append(m.Artifacts, out)
	}
	return m
}

// keyOf is a key in its public form.
func keyOf(e source.Entity, k source.Key) ManifestKey {
	out := ManifestKey{ID: k.ID, Sub: k.Sub}
	if e != source.Contact {
		var d day
		out.At = string(d.append(nil, k.At))
	}
	return out
}

// Fingerprints returns the SHA-256 fingerprints of certificates, in their order.
func Fingerprints(certs []*x509.Certificate) []string {
	out := make([]string, len(certs))
	for i, c := range certs {
		out[i] = cdds.Fingerprint(c)
	}
	return out
}

func recipientsOf(certs []*x509.Certificate) []ManifestRecipient {
	out := make([]ManifestRecipient, 0, len(certs))
	for _, c := range certs {
		out = append(out, ManifestRecipient{Fingerprint: cdds.Fingerprint(c), Subject: c.Subject.String(), NotAfter: c.NotAfter.UTC()})
	}
	return out
}

// ParseManifest reads a manifest. It refuses what it does not know, and a
// manifest that does not say what it must.
func ParseManifest(text []byte) (Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("read the manifest: something follows it")
	}
	if m.Run == "" || m.SchemaVersion != source.SchemaVersion {
		return Manifest{}, fmt.Errorf("read the manifest: it names no run, or its schema version is not %s", source.SchemaVersion)
	}
	for _, a := range m.Artifacts {
		if a.Name == "" || !isSHA256(a.SHA256) {
			return Manifest{}, errors.New("read the manifest: an artifact has no name or no SHA-256")
		}
		for _, f := range a.Files {
			if f.Name == "" || !isSHA256(f.SHA256) {
				return Manifest{}, errors.New("read the manifest: a file has no name or no SHA-256")
			}
		}
	}
	return m, nil
}

// isSHA256 says whether a text is a SHA-256 in lower-case hex.
func isSHA256(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size && hex.EncodeToString(sum) == text
}
