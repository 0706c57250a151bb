package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
)

// Sizes returns the sizes of all objects below a prefix, by their keys: one
// request for a thousand of them.
func (e *Engine) Sizes(ctx context.Context, prefix string) (map[string]int64, error) {
	sizes := map[string]int64{}
	list := e.Bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return sizes, nil
		}
		if err != nil {
			return nil, StorageFailure(fmt.Errorf("list the stored parts: %w", err))
		}
		sizes[object.Key] = object.Size
	}
}
