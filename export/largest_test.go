package export

import (
	"strings"
	"testing"

	"cdds"
)

// TestLargestObject: a storage bounds its objects. A split run is cut below that,
// whatever its split size is; one without fails for good, with what to do, and
// leaves nothing.
func TestLargestObject(t *testing.T) {
	const largest = 200_000
	id, h := newIdentity(t), newHistory(20_000, 0, 0)
	for _, splitSize := range []int64{0, 1 << 40} {
		s := newStorage()
		e := &Engine{Source: h, Bucket: s.bucket(t), Largest: largest}
		spec := newSpec(id)
		spec.SplitSize = splitSize
		if splitSize == 0 {
			err := failed(t, t.Context(), e, spec)
			if cdds.CodeOf(err) != cdds.CodeInvalid || cdds.CodeOf(err).Retryable() || !strings.Contains(err.Error(), "larger than one file in this artifact storage may be") {
				t.Errorf("the error is %v", err)
			}
			equal(t, "objects left", len(s.keys()), 0)
			continue
		}
		result, _ := export(t, e, spec)
		checkArtifacts(t, id, s, result)
		for _, a := range result.Artifacts {
			if a.Size > largest {
				t.Errorf("%s has %d bytes", a.Name, a.Size)
			}
		}
		if len(result.Artifacts) < 2 {
			t.Errorf("%d artifacts", len(result.Artifacts))
		}
	}
}
