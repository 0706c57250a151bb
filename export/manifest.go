package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"cdds"
	"cdds/export/schema"
	"cdds/source"
)

// Manifest is the machine-readable account of a run.
type Manifest struct {
	Run            string             `json:"run"`
	Type           cdds.EntityType    `json:"type"`
	Job            json.RawMessage    `json:"job"` // the frozen job in its public form
	Window         ManifestWindow     `json:"window"`
	Snapshot       ManifestSnapshot   `json:"snapshot"`
	Records        map[string]int64   `json:"records"` // by kind of record
	Artifacts      []ManifestArtifact `json:"artifacts"`
	Recipients     []Recipient        `json:"recipients"`
	ProductVersion string             `json:"productVersion"`
	SchemaVersion  string             `json:"schemaVersion"`
	CreatedAt      time.Time          `json:"createdAt"`
}

// ManifestWindow is the run's half-open window; a null start is the beginning.
type ManifestWindow struct {
	Start *time.Time `json:"start"`
	End   time.Time  `json:"end"`
	By    string     `json:"by"`
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
	Size   int64          `json:"size"`
	SHA256 string         `json:"sha256"`
	Files  []ManifestFile `json:"files"`
}

// ManifestFile is one file inside of an artifact.
type ManifestFile struct {
	Name     string        `json:"name"`
	Kind     source.Entity `json:"kind"`
	Records  int64         `json:"records"`
	Size     int64         `json:"size"`
	SHA256   string        `json:"sha256"`
	FirstKey source.Key    `json:"firstKey"`
	LastKey  source.Key    `json:"lastKey"`
}

// Recipient is a certificate that the artifacts are encrypted to.
type Recipient struct {
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the DER form, lower-case hex
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
}

// NewManifest accounts for a finished run.
func NewManifest(spec Spec, r *Result, job json.RawMessage, productVersion string, now time.Time) Manifest {
	m := Manifest{
		Run: spec.RunID, Type: spec.Type, Job: job, Window: ManifestWindow{End: spec.Window.End, By: string(spec.By)},
		Snapshot: ManifestSnapshot{Mode: "range", First: r.SnapshotFirst, Last: r.SnapshotLast},
		Records:  map[string]int64{}, Artifacts: []ManifestArtifact{}, Recipients: recipientsOf(spec),
		ProductVersion: productVersion, SchemaVersion: schema.Version, CreatedAt: now,
	}
	if !spec.Window.Start.IsZero() {
		m.Window.Start = &spec.Window.Start
	}
	if spec.OneSnapshot {
		m.Snapshot.Mode = "run"
	}
	for _, a := range r.Artifacts {
		out := ManifestArtifact{Name: a.Name, Part: a.Part, Parts: a.Parts, Size: a.Size, SHA256: a.SHA256}
		for _, f := range a.Files {
			m.Records[string(f.Entity)] += f.Records
			out.Files = append(out.Files, ManifestFile{
				Name: f.Name, Kind: f.Entity, Records: f.Records, Size: f.Size, SHA256: f.SHA256, FirstKey: f.First, LastKey: f.Last,
			})
		}
		m.Artifacts = append(m.Artifacts, out)
	}
	return m
}

// ParseManifest reads a manifest and refuses what it does not know.
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
	if m.Run == "" || m.SchemaVersion == "" {
		return Manifest{}, errors.New("read the manifest: it names no run or no schema version")
	}
	return m, nil
}
