package export

import (
	"context"
	"fmt"
	"io"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Bringing is the copy of a stored file from another storage.
type Bringing struct {
	From *blob.Bucket
	Key  string
	// Size and SHA256 are what the file must have; SHA256 is "" and Size any
	// where nobody knows.
	Size   int64
	SHA256 string
	// Known says that an earlier copy of the file was found whole here: then its
	// size is all that is looked at.
	Known bool
}

// Bring copies a file of another storage, under the same key, and makes it
// durable. It appears only when all bytes are there and are those that they must
// be. One that is here already, whole, is let be. It returns how many bytes were
// copied, and false where the other storage does not have the file, or not whole.
func (e *Engine) Bring(ctx context.Context, b Bringing) (copied int64, whole bool, err error) {
	if b.SHA256 != "" {
		here, err := e.hasWhole(ctx, b)
		if err != nil || here {
			return 0, here, err
		}
	}
	in, err := b.From.NewReader(ctx, b.Key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, StorageFailure(fmt.Errorf("open %s to copy it: %w", b.Key, err))
	}
	copied, whole, err = e.bring(ctx, b, in)
	if closeErr := in.Close(); err == nil && closeErr != nil {
		err = StorageFailure(fmt.Errorf("close %s: %w", b.Key, closeErr))
	}
	if err != nil || !whole || e.Sync == nil {
		return copied, whole, err
	}
	return copied, true, e.Sync(ctx, b.Key)
}

// hasWhole reports whether this storage has the file already.
func (e *Engine) hasWhole(ctx context.Context, b Bringing) (bool, error) {
	here, err := e.Has(ctx, Artifact{Key: b.Key, Size: b.Size})
	if err != nil || !here || b.Known {
		return here, err
	}
	in, err := e.Bucket.NewReader(ctx, b.Key, nil)
	if err != nil {
		return false, StorageFailure(fmt.Errorf("open %s to compare it: %w", b.Key, err))
	}
	sum := newDigest()
	_, err = io.Copy(sum, in)
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return false, StorageFailure(fmt.Errorf("compare %s: %w", b.Key, err))
	}
	return sum.hex() == b.SHA256, nil
}

// bring writes what in gives. The storage forgets an object whose context ends
// before it is closed.
func (e *Engine) bring(ctx context.Context, b Bringing, in io.Reader) (int64, bool, error) {
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := e.Bucket.NewWriter(writing, b.Key, e.writerOptions(path.Base(b.Key)))
	if err != nil {
		return 0, false, StorageFailure(fmt.Errorf("begin to copy %s: %w", b.Key, err))
	}
	sum := newDigest()
	_, err = io.Copy(io.MultiWriter(sum, out), in)
	whole := b.SHA256 == "" || sum.size == b.Size && sum.hex() == b.SHA256
	if err != nil || !whole {
		cancel()
	}
	closeErr := out.Close()
	switch {
	case ctx.Err() != nil:
		return 0, false, context.Cause(ctx)
	case err != nil:
		return 0, false, StorageFailure(fmt.Errorf("copy %s: %w", b.Key, err))
	case !whole: // what Close says is that it was canceled
		return 0, false, nil
	case closeErr != nil:
		return 0, false, StorageFailure(fmt.Errorf("end the copy of %s: %w", b.Key, closeErr))
	}
	return sum.size, true, nil
}
