package export

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// ErrZip is wrapped by all errors about a zip that is damaged or of a form that
// ReadZip does not read.
var ErrZip = errors.New("the zip is damaged or not one of CDDS")

// Signatures and flags of the zip format (APPNOTE.TXT, sections 4.3 and 4.4).
const (
	sigLocal      = 0x04034b50
	sigDescriptor = 0x08074b50
	sigDirectory  = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50

	flagDescriptor = 0x8
	methodDeflate  = 8
	maxName        = 1000
)

// ReadZip reads a zip that the engine wrote, from its beginning, in one pass,
// and calls each for every file in it. It checks the files' CRC-32 and sizes,
// and that the directory at the end names as many files as there were; each
// must read its content to the end. Errors wrap ErrZip or are those of r.
//
// The standard library's reader begins at the end of a zip, which a stream does
// not have yet.
func ReadZip(r io.Reader, each func(name string, content io.Reader) error) error {
	z := &zipReader{r: bufio.NewReaderSize(r, 256<<10)}
	entries := 0
	for {
		signature, err := z.uint32()
		if err != nil {
			return err
		}
		switch signature {
		case sigLocal:
			if err := z.entry(each); err != nil {
				return err
			}
			entries++
		case sigDirectory, sigEnd:
			return z.end(signature, entries)
		default:
			return fmt.Errorf("%w: unknown signature %#x", ErrZip, signature)
		}
	}
}

// zipReader reads the parts of a zip.
type zipReader struct{ r *bufio.Reader }

// bytes reads n bytes.
func (z *zipReader) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(z.r, b); err != nil {
		return nil, cut(err)
	}
	return b, nil
}

// cut says that the zip ends too early, where it does.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrZip)
	}
	return err
}

func (z *zipReader) uint32() (uint32, error) {
	b, err := z.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// entry reads one file after its signature.
func (z *zipReader) entry(each func(string, io.Reader) error) error {
	head, err := z.bytes(26)
	if err != nil {
		return err
	}
	flags, method := binary.LittleEndian.Uint16(head[2:]), binary.LittleEndian.Uint16(head[4:])
	nameLength, extraLength := int(binary.LittleEndian.Uint16(head[22:])), int(binary.LittleEndian.Uint16(head[24:]))
	if flags&flagDescriptor == 0 || method != methodDeflate || nameLength == 0 || nameLength > maxName {
		return fmt.Errorf("%w: a file is not stored as a deflated stream", ErrZip)
	}
	name, err := z.bytes(nameLength)
	if err != nil {
		return err
	}
	if _, err := z.bytes(extraLength); err != nil {
		return err
	}
	packed := &countingReader{r: z.r}
	inflate := flate.NewReader(packed)
	content := &checkedReader{r: inflate}
	if err := each(string(name), content); err != nil {
		return err
	}
	if !content.ended {
		return fmt.Errorf("%w: a file was not read to its end", ErrZip)
	}
	if err := inflate.Close(); err != nil {
		return inflateError(err)
	}
	return z.descriptor(content, packed.n)
}

// descriptor compares the data descriptor with what was read. Its sizes have 64
// bits where one of them does not fit into 32.
func (z *zipReader) descriptor(content *checkedReader, packed int64) error {
	const most = 1<<32 - 1
	width := 4
	if content.size >= most || packed >= most {
		width = 8
	}
	d, err := z.bytes(8 + 2*width)
	if err != nil {
		return err
	}
	size := func(b []byte) int64 {
		if width == 8 {
			return int64(binary.LittleEndian.Uint64(b))
		}
		return int64(binary.LittleEndian.Uint32(b))
	}
	if binary.LittleEndian.Uint32(d) != sigDescriptor || binary.LittleEndian.Uint32(d[4:]) != content.crc ||
		size(d[8:]) != packed || size(d[8+width:]) != content.size {
		return fmt.Errorf("%w: checksum or size of a file differ", ErrZip)
	}
	return nil
}

// end reads the directory, after its first signature, and the end of the zip.
func (z *zipReader) end(signature uint32, entries int) error {
	listed := 0
	for {
		var size int
		switch signature {
		case sigDirectory:
			head, err := z.bytes(42)
			if err != nil {
				return err
			}
			listed++
			size = int(binary.LittleEndian.Uint16(head[24:])) + int(binary.LittleEndian.Uint16(head[26:])) + int(binary.LittleEndian.Uint16(head[28:]))
		case sigEnd64:
			size = 52
		case sigLocator64:
			size = 16
		case sigEnd:
			if _, err := z.bytes(18); err != nil {
				return err
			}
			if listed != entries {
				return fmt.Errorf("%w: its directory names %d files, it has %d", ErrZip, listed, entries)
			}
			if _, err := z.r.ReadByte(); !errors.Is(err, io.EOF) {
				return errors.Join(fmt.Errorf("%w: something follows it", ErrZip), err)
			}
			return nil
		default:
			return fmt.Errorf("%w: unknown signature %#x", ErrZip, signature)
		}
		if _, err := io.CopyN(io.Discard, z.r, int64(size)); err != nil {
			return cut(err)
		}
		var err error
		if signature, err = z.uint32(); err != nil {
			return err
		}
	}
}

// countingReader counts what the inflater takes. Being an io.ByteReader it keeps
// the inflater from reading past the end of its stream.
type countingReader struct {
	r *bufio.Reader
	n int64
}

// Read counts what it reads.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// ReadByte counts what it reads.
func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// checkedReader hashes and counts a file's content and knows whether its end
// was reached.
type checkedReader struct {
	r     io.Reader
	crc   uint32
	size  int64
	ended bool
}

// Read hashes what it reads.
func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.size += int64(n)
	if errors.Is(err, io.EOF) {
		c.ended = true
		return n, io.EOF
	}
	if err != nil {
		return n, inflateError(err)
	}
	return n, nil
}

// inflateError tells damage from the errors of the reader below.
func inflateError(err error) error {
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: its data cannot be inflated", ErrZip)
	}
	return err
}
