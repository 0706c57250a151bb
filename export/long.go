package export

import (
	"context"
	"encoding/base64"

	"cdds"
	"cdds/source"
)

const (
	// afterContent is how a line ends behind its content, the last field.
	afterContent = len("\"}\n")
	// base64Step is how much of a content is encoded at a time.
	base64Step = 48 << 10
)

// long hands over a record whose content is too long to be held: piece by piece,
// as the source gives it. The line at hand has an empty content. That a record
// never spans two parts costs no memory, since its length is known beforehand.
func (r *reader) long(ctx context.Context, e source.Entity, record *source.Record) error {
	content := record.Content
	head, tail := r.line[:len(r.line)-afterContent], r.line[len(r.line)-afterContent:]
	length := int64(len(r.line)) + base64Length(content.Size)
	r.cut.begin(e, length, record.Key)
	write := func(text []byte) error {
		length -= int64(len(text))
		r.progress.Bytes.Add(int64(len(text)))
		return r.cut.write(ctx, text)
	}
	if err := write(head); err != nil {
		return err
	}
	text := make([]byte, 0, base64.StdEncoding.EncodedLen(base64Step))
	err := content.Read(func(piece []byte) error {
		for len(piece) > 0 {
			n := min(len(piece), base64Step)
			if err := write(base64.StdEncoding.AppendEncode(text, piece[:n])); err != nil {
				return err
			}
			piece = piece[n:]
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := write(tail); err != nil {
		return err
	}
	if length != 0 {
		return &cdds.Error{Code: cdds.CodeInternal, Message: "The source gave a content of another size than it had said."}
	}
	return nil
}

// base64Length is the length of that many bytes in base64.
func base64Length(n int64) int64 { return (n + 2) / 3 * 4 }
