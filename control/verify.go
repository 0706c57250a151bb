package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"cdds"
	"cdds/store"
)

// Missing is the damage of an artifact whose file is gone.
const Missing = "The file is missing from the artifact storage."

// CheckArtifact reads an artifact's bytes and compares them with the size and
// the SHA-256 that they were stored with. It returns what is wrong with them, a
// sentence for people, or "". A storage that does not answer says nothing about
// its files: that is an error. step, unless it is nil, is called for each piece
// that was read and may wait or end the check.
func (c *Control) CheckArtifact(ctx context.Context, a cdds.Artifact, step func(n int) error) (damage string, err error) {
	reader, err := c.bucket.NewReader(ctx, a.Key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return Missing, nil
	}
	if err != nil {
		return "", unreadable(ctx, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if reader.Size() != a.Size {
		return fmt.Sprintf("The file has %d bytes; %d were stored.", reader.Size(), a.Size), nil
	}
	sum, err := hashed(ctx, reader, step)
	if err != nil {
		return "", unreadable(ctx, err)
	}
	if sum != a.SHA256 {
		return "The bytes of the file have changed: their SHA-256 is no longer the one that they were stored with.", nil
	}
	return "", nil
}

// checkPiece is how much of a file is read at a time.
const checkPiece = 256 << 10

// hashed returns the SHA-256 of what r gives, in constant memory.
func hashed(ctx context.Context, r io.Reader, step func(n int) error) (string, error) {
	hash := sha256.New()
	piece := make([]byte, checkPiece)
	for {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := io.ReadFull(r, piece)
		hash.Write(piece[:n])
		if step != nil && n > 0 {
			if err := step(n); err != nil {
				return "", err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return hex.EncodeToString(hash.Sum(nil)), nil
		case err != nil:
			return "", err
		}
	}
}

// unreadable is the error of a storage that did not give a file to its end.
func unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var known *cdds.Error
	if errors.As(err, &known) {
		return err
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage did not give a file.",
		Hint: "Look at the storage that --artifacts names, and at its disk; then verify again.", Err: err}
}

// MarkChecked records the outcome of CheckArtifact.
func (c *Control) MarkChecked(ctx context.Context, a cdds.Artifact, damage string, now time.Time) error {
	return c.store.InTx(ctx, func(tx *store.Tx) error { return tx.MarkVerified(ctx, a, damage, now) })
}

// StorageEmpty reports whether the artifact storage holds no file of ours at
// all: a disk that is not mounted looks like this.
func (c *Control) StorageEmpty(ctx context.Context) (bool, error) {
	_, err := c.bucket.List(&blob.ListOptions{Prefix: cdds.ArtifactRoot}).Next(ctx)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, unreadable(ctx, err)
	}
	return false, nil
}
