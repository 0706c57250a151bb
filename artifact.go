package cdds

import (
	"fmt"
	"strings"
	"time"
)

// Artifact is one encrypted downloadable file of a run.
type Artifact struct {
	ID         string
	TenantID   string
	RunID      string
	JobID      string
	Title      string // the job's title when it ran
	Type       EntityType
	Name       string // export-<runId>[-NNNN].zip.p7m
	Key        string // place in the artifact storage
	Part       int    // 1..Parts
	Parts      int
	Size       int64  // bytes
	SHA256     string // lower-case hex, of the stored bytes
	Recipients []string
	Encryption Encryption
	CreatedAt  time.Time
	ExpiresAt  time.Time
	ExpiredAt  time.Time // zero while the bytes are there
	VerifiedAt time.Time // when the bytes were last compared with SHA256; zero before the first time
	DamagedAt  time.Time // when it was first seen that they differ or are gone; zero while all is well
	Damage     string    // what is wrong with them, for people; "" while all is well
}

// artifactSuffix ends the name of an encrypted zip in DER form, textSuffix that
// of its S/MIME text form.
const (
	artifactSuffix = ".zip.p7m"
	textSuffix     = ".zip.smime"
)

// ArtifactName returns the file name of an artifact: part 0 is the one file of
// a run without a split size, parts count from 1.
func ArtifactName(runID string, part int) string {
	if part == 0 {
		return "export-" + runID + artifactSuffix
	}
	return fmt.Sprintf("export-%s-%04d%s", runID, part, artifactSuffix)
}

// TextName returns the file name of an artifact's S/MIME text form.
func TextName(name string) string {
	return strings.TrimSuffix(name, artifactSuffix) + textSuffix
}

// RemainingDays is how many days the artifact is kept yet, a begun day counting
// as one.
func (a Artifact) RemainingDays(now time.Time) int {
	left := a.ExpiresAt.Sub(now)
	if left <= 0 || !a.ExpiredAt.IsZero() {
		return 0
	}
	const day = 24 * time.Hour
	return int((left + day - 1) / day)
}
