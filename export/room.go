package export

import (
	"errors"
	"io"
)

// ErrNoRoom is the error of a run whose artifacts would be larger than Spec.Room.
var ErrNoRoom = errors.New("the artifacts do not fit into the room that the run has")

// bounded passes on as many bytes as there is room for. What would be one too
// many never reaches the storage.
type bounded struct {
	io.Writer
	left *int64 // shared by all that the room is for
	full error
}

// Write writes p, or nothing of it.
func (b bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > *b.left {
		return 0, b.full
	}
	n, err := b.Writer.Write(p)
	*b.left -= int64(n)
	return n, err
}
