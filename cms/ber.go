package cms

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxElement bounds what is read into memory at once: the recipients of a
// message and its algorithm. The content itself is streamed.
const maxElement = 1 << 20

// maxDepth bounds the nesting of indefinite lengths inside of an element.
const maxDepth = 16

// element is the head of a BER value.
type element struct {
	tag    byte
	length int64 // -1: indefinite
}

// berReader reads BER values from a stream. It knows how many octets are left
// in the innermost definite value that is open.
type berReader struct {
	r *bufio.Reader
}

// damaged wraps a reading error: an early end is damage, other errors are the
// reader's own.
func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within %s: %w", ErrDamaged, what, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// head reads an identifier octet and a length. High tag numbers do not occur
// in what this package reads.
func (b *berReader) head(what string) (element, int64, error) {
	tag, err := b.r.ReadByte()
	if err != nil {
		return element{}, 0, damaged(what, err)
	}
	if tag&0x1F == 0x1F {
		return element{}, 0, fmt.Errorf("%w: %s has an unknown tag", ErrDamaged, what)
	}
	first, err := b.r.ReadByte()
	if err != nil {
		return element{}, 0, damaged(what, err)
	}
	if first < 0x80 {
		return element{tag, int64(first)}, 2, nil
	}
	if first == indefinite {
		if tag&0x20 == 0 && tag != 0 {
			return element{}, 0, fmt.Errorf("%w: %s has no length", ErrDamaged, what)
		}
		return element{tag, -1}, 2, nil
	}
	octets := int(first & 0x7F)
	if octets > 8 {
		return element{}, 0, fmt.Errorf("%w: %s has an impossible length", ErrDamaged, what)
	}
	var length int64
	for range octets {
		next, err := b.r.ReadByte()
		if err != nil {
			return element{}, 0, damaged(what, err)
		}
		if length > (1<<62)>>8 {
			return element{}, 0, fmt.Errorf("%w: %s has an impossible length", ErrDamaged, what)
		}
		length = length<<8 | int64(next)
	}
	return element{tag, length}, int64(2 + octets), nil
}

// scope is a constructed value that is being read.
type scope struct {
	left int64 // octets left; -1: until the end of contents
	what string
}

// enter reads the head of a constructed value inside of a scope.
func (b *berReader) enter(in *scope, tag byte, what string) (*scope, error) {
	el, size, err := b.head(what)
	if err != nil {
		return nil, err
	}
	if el.tag != tag {
		return nil, fmt.Errorf("%w: %s has tag %#x in place of %#x", ErrDamaged, what, el.tag, tag)
	}
	if err := in.take(size, el.length); err != nil {
		return nil, err
	}
	return &scope{left: el.length, what: what}, nil
}

// take counts a value of a head and a length against the scope.
func (s *scope) take(head, length int64) error {
	if s.left < 0 {
		return nil
	}
	if length < 0 {
		// An indefinite value inside of a definite one is legal BER, but nobody
		// writes it, and its length could not be checked here.
		return fmt.Errorf("%w: %s mixes definite and indefinite lengths", ErrUnsupported, s.what)
	}
	if head+length > s.left {
		return fmt.Errorf("%w: a value is longer than %s", ErrDamaged, s.what)
	}
	s.left -= head + length
	return nil
}

// leave reads the end of a constructed value.
func (b *berReader) leave(s *scope) error {
	if s.left > 0 {
		return fmt.Errorf("%w: there is more in %s than there should be", ErrDamaged, s.what)
	}
	if s.left == 0 {
		return nil
	}
	el, _, err := b.head("the end of " + s.what)
	if err != nil {
		return err
	}
	if el.tag != 0 || el.length != 0 {
		return fmt.Errorf("%w: there is more in %s than there should be", ErrDamaged, s.what)
	}
	return nil
}

// whole reads one value into memory as definite-length DER, whatever form its
// lengths have.
func (b *berReader) whole(in *scope, what string) (byte, []byte, error) {
	el, size, err := b.head(what)
	if err != nil {
		return 0, nil, err
	}
	if err := in.take(size, el.length); err != nil {
		return 0, nil, err
	}
	budget := int64(maxElement)
	body, err := b.body(el, what, &budget, 0)
	if err != nil {
		return 0, nil, err
	}
	out := append([]byte{el.tag}, lengthOctets(int64(len(body)))...)
	return el.tag, append(out, body...), nil
}

// body reads the contents of a value, making the lengths inside definite. It
// never reads more than the budget.
func (b *berReader) body(el element, what string, budget *int64, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: %s is nested too deeply", ErrDamaged, what)
	}
	if el.length > *budget {
		return nil, fmt.Errorf("%w: %s is too large", ErrDamaged, what)
	}
	if el.length >= 0 {
		*budget -= el.length
		body := make([]byte, el.length)
		if _, err := io.ReadFull(b.r, body); err != nil {
			return nil, damaged(what, err)
		}
		return body, nil
	}
	var out []byte
	for {
		child, size, err := b.head(what)
		if err != nil {
			return nil, err
		}
		if *budget -= size; *budget < 0 {
			return nil, fmt.Errorf("%w: %s is too large", ErrDamaged, what)
		}
		if child.tag == 0 && child.length == 0 {
			return out, nil
		}
		inner, err := b.body(child, what, budget, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, child.tag), lengthOctets(int64(len(inner)))...), inner...)
	}
}
