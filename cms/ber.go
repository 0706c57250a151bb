package cms

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/crypto/cryptobyte"
)

// berReader reads BER (X.690, section 8) from a stream: the heads of values
// that hold others, whose contents are then read one by one, and small values
// whole. It does not call itself, so nesting is bounded by its callers.
type berReader struct {
	r    *bufio.Reader
	at   int64 // octets read so far
	kept int64 // octets of small values so far, at most maxKept
}

// span is a value that holds others and is being read.
type span struct {
	what       string
	end        int64 // in octets of the message: nothing inside reaches beyond it
	indefinite bool  // two zero octets end it, at the end of its span or before
}

// everything is the span around the message.
func everything() span { return span{what: "the message", end: math.MaxInt64} }

// readError says where reading failed. An early end is damage, and so is broken
// base64; other errors are those of the reader below.
func readError(what string, err error) error {
	var corrupt base64.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends within %s: %w", ErrDamaged, what, io.ErrUnexpectedEOF)
	case errors.As(err, &corrupt):
		return fmt.Errorf("%w: read %s: %w", ErrDamaged, what, err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// octet reads one octet of a span.
func (b *berReader) octet(in span, what string) (byte, error) {
	if b.at >= in.end {
		return 0, fmt.Errorf("%w: %s is missing", ErrDamaged, what)
	}
	c, err := b.r.ReadByte()
	if err != nil {
		return 0, readError(what, err)
	}
	b.at++
	return c, nil
}

// head reads an identifier octet and a length, which is -1 where it is
// indefinite. Values of definite length end within the span.
func (b *berReader) head(in span, what string) (tag byte, length int64, err error) {
	if tag, err = b.octet(in, what); err != nil {
		return 0, 0, err
	}
	first, err := b.octet(in, what)
	if err != nil {
		return 0, 0, err
	}
	if first == indefinite {
		return tag, -1, nil
	}
	if first < indefinite {
		length = int64(first)
	} else {
		for range first & 0x7F {
			next, err := b.octet(in, what)
			if err != nil {
				return 0, 0, err
			}
			if length > math.MaxInt64>>8 {
				return 0, 0, fmt.Errorf("%w: the length of %s is impossible", ErrDamaged, what)
			}
			length = length<<8 | int64(next)
		}
	}
	if length > in.end-b.at {
		return 0, 0, fmt.Errorf("%w: %s is longer than %s", ErrDamaged, what, in.what)
	}
	return tag, length, nil
}

// inside is the span of a value whose head was just read.
func (b *berReader) inside(in span, length int64, what string) span {
	if length < 0 {
		return span{what: what, end: in.end, indefinite: true}
	}
	return span{what: what, end: b.at + length}
}

// enter reads the head of a value that holds others.
func (b *berReader) enter(in span, tag byte, what string) (span, error) {
	got, length, err := b.head(in, what)
	if err != nil {
		return span{}, err
	}
	if got != tag {
		return span{}, wrongTag(got, what)
	}
	return b.inside(in, length, what), nil
}

func wrongTag(got byte, what string) error {
	return fmt.Errorf("%w: tag %#02x stands where %s should be", ErrDamaged, got, what)
}

// more reports whether another value follows in the span. If not, the end of
// the span has been read, and it must not be asked again.
func (b *berReader) more(in span) (bool, error) {
	if !in.indefinite {
		return b.at < in.end, nil
	}
	what := "the end of " + in.what
	next, err := b.r.Peek(1)
	if err != nil {
		return false, readError(what, err)
	}
	if next[0] != 0 {
		return true, nil
	}
	for range 2 {
		zero, err := b.octet(in, what)
		if err != nil {
			return false, err
		}
		if zero != 0 {
			return false, wrongTag(0, what)
		}
	}
	return false, nil
}

// leave reads the end of a span, where nothing else may follow.
func (b *berReader) leave(in span) error {
	more, err := b.more(in)
	if err == nil && more {
		err = fmt.Errorf("%w: there is more in %s than there should be", ErrDamaged, in.what)
	}
	return err
}

// small reads a value of definite length whole, with its head.
func (b *berReader) small(in span, what string) (tag byte, der cryptobyte.String, err error) {
	tag, length, err := b.head(in, what)
	if err != nil {
		return 0, nil, err
	}
	der, err = b.keep(tag, length, what)
	return tag, der, err
}

// exactly reads a small value that must have that tag.
func (b *berReader) exactly(in span, tag byte, what string) (cryptobyte.String, error) {
	got, length, err := b.head(in, what)
	if err != nil {
		return nil, err
	}
	if got != tag {
		return nil, wrongTag(got, what)
	}
	return b.keep(tag, length, what)
}

// keep reads the contents of a value and returns it as DER. Memory grows with
// what was read, not with what the length says.
func (b *berReader) keep(tag byte, length int64, what string) (cryptobyte.String, error) {
	if length < 0 {
		return nil, fmt.Errorf("%w: %s has an indefinite length", ErrUnsupported, what)
	}
	if sizeOf(length) > maxKept-b.kept {
		return nil, fmt.Errorf("%w: %s is too large", ErrUnsupported, what)
	}
	b.kept += sizeOf(length)
	value := bytes.NewBuffer(appendHead(nil, tag, length))
	n, err := io.CopyN(value, b.r, length)
	b.at += n
	if err != nil {
		return nil, readError(what, err)
	}
	return value.Bytes(), nil
}
