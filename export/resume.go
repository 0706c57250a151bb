package export

import (
	"context"
	"fmt"
	"slices"

	"gocloud.dev/gcerrors"

	"cdds"
)

// goOn lets a run begin behind what earlier attempts have stored: its parts,
// its counts and the key of the last record. Their last part may have been made
// by an attempt that was lost just before it could say that the run is done;
// then nothing is left to read.
func goOn(kept []Checkpoint, in *reader, out *writer) error {
	if len(kept) == 0 {
		return nil
	}
	for i, c := range kept {
		a := c.Artifact
		if a.Part != i+1 || len(a.Files) == 0 || in.spec.SplitSize == 0 {
			return misfit()
		}
		for _, f := range a.Files {
			in.result.Records[f.Entity] += f.Records
			in.progress.Records.Add(f.Records)
			in.progress.Bytes.Add(f.Size)
		}
		out.artifacts = append(out.artifacts, a)
		out.room -= a.Size
	}
	last := kept[len(kept)-1].Artifact
	file := last.Files[len(last.Files)-1]
	if !slices.Contains(in.spec.entities(), file.Entity) {
		return misfit()
	}
	in.behind, in.resumes = &file.Last, file.Entity
	in.result.SnapshotFirst = kept[0].Artifact.Files[0].Snapshot
	in.cut.parts = last.Part
	return nil
}

// misfit is the error of checkpoints that no attempt of this run can have made.
func misfit() error {
	return &cdds.Error{
		Code: cdds.CodeInternal, Message: "What earlier attempts of the run have stored does not fit together.",
		Hint: "Retry the run by hand: it then starts over.",
	}
}

// Has reports whether the storage has an artifact, in its full size.
func (e *Engine) Has(ctx context.Context, a Artifact) (bool, error) {
	attributes, err := e.Bucket.Attributes(ctx, a.Key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return false, nil
	}
	if err != nil {
		return false, StorageFailure(fmt.Errorf("look for a stored part: %w", err))
	}
	return attributes.Size == a.Size, nil
}
