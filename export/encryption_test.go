package export

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// TestAuthenticatedParts exports in parts with AES-GCM: none is larger than the
// split size, and openssl and our own way back find the same records in them as
// in the compatible ones.
func TestAuthenticatedParts(t *testing.T) {
	id, h := newIdentity(t), newHistory(3000, 0, 0)
	var lines [2]string
	for i, encryption := range []cdds.Encryption{cdds.EncryptionCompatible, cdds.EncryptionAuthenticated} {
		s, spec := newStorage(), newSpec(id)
		spec.SplitSize, spec.Encryption = 200_000, encryption
		result, _ := export(t, &Engine{Source: h, Bucket: s.bucket(t)}, spec)
		if len(result.Artifacts) < 3 {
			t.Fatalf("%d parts", len(result.Artifacts))
		}
		for _, a := range result.Artifacts {
			stored := s.objects[a.Key]
			if int64(len(stored)) > spec.SplitSize {
				t.Errorf("%s has %d bytes, over %d", a.Name, len(stored), spec.SplitSize)
			}
			name := a.Files[0].Name
			theirs, ours := string(id.unzipped(t, stored)[name]), string(id.opened(t, stored)[name])
			if theirs != ours {
				t.Errorf("%s: openssl and our own way back differ", a.Name)
			}
			lines[i] += ours
		}
	}
	if lines[0] != lines[1] || strings.Count(lines[0], "\n") != h.count[source.Interaction] {
		t.Errorf("%d records are in the compatible parts, %d in the authenticated", strings.Count(lines[0], "\n"), strings.Count(lines[1], "\n"))
	}
}

// TestTooLongForOneKey: what one key may not encrypt fails the run for good, with
// what to do about it.
func TestTooLongForOneKey(t *testing.T) {
	err := StorageFailure(fmt.Errorf("write: %w", cms.ErrTooLong))
	if cdds.CodeOf(err) != cdds.CodeInvalid || cdds.CodeOf(err).Retryable() || !strings.Contains(err.Error(), "64 GiB") {
		t.Errorf("the error is %v", err)
	}
}

// BenchmarkEncryptions exports the same records in both ways in turn, so that
// what else the machine does meets both, and prints how many times as fast the
// authenticated one was.
func BenchmarkEncryptions(b *testing.B) {
	id, h := newIdentity(b), newHistory(60_000, 0, 0)
	discard := blob.NewBucket(&nowhere{})
	b.Cleanup(func() { must(b, discard.Close()) })
	e := &Engine{Source: h, Bucket: discard}
	var cbc, gcm usage
	for b.Loop() {
		for encryption, u := range map[cdds.Encryption]*usage{cdds.EncryptionCompatible: &cbc, cdds.EncryptionAuthenticated: &gcm} {
			u.measure(func() (plain, stored int64) {
				spec := newSpec(id)
				spec.Encryption = encryption
				result, p := export(b, e, spec)
				return p.Bytes.Load(), result.Artifacts[0].Size
			})
		}
	}
	b.Logf("%d CPUs, %d MB of lines each time", runtime.GOMAXPROCS(0), cbc.plain/int64(b.N)/1e6)
	b.Logf("%-14s %s", "compatible", cbc)
	b.Logf("%-14s %s", "authenticated", gcm)
	b.ReportMetric(cbc.wall.Seconds()/gcm.wall.Seconds(), "times-as-fast")
	b.ReportMetric(cbc.cpu.Seconds()/gcm.cpu.Seconds(), "times-less-CPU")
}
