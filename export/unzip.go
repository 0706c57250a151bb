package export

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

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

	flagDescriptor = 0x8   // the sizes follow the data
	flagUTF8       = 0x800 // the name is UTF-8
	methodDeflate  = 8

	mostFiles = 16 // we write one or two
)

// ReadZip reads a zip that the engine wrote, from its beginning, in one pass
// and in constant memory, and calls each for every file in it; what each leaves
// unread is read over. It checks CRC-32 and sizes of every file, the directory
// at the end, and that nothing follows. Only when it returns nil is what each
// was given known to be whole. Errors wrap ErrZip or are those of r and each.
//
// The standard library's reader begins at the end of a zip, which a stream does
// not have yet.
func ReadZip(r io.Reader, each func(name string, content io.Reader) error) error {
	in := &zipInput{r: r}
	z := &zipReader{in: in, r: bufio.NewReaderSize(in, 256<<10)}
	for {
		signature, err := z.uint32()
		if err != nil {
			return err
		}
		if signature != sigLocal {
			return z.directory(signature)
		}
		if err := z.file(each); err != nil {
			return err
		}
	}
}

// zipInput counts what is read, and keeps an error of the reader below, so that
// it is not taken for damage.
type zipInput struct {
	r   io.Reader
	n   int64
	err error
}

// Read counts what it reads.
func (i *zipInput) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// zipReader reads the records of a zip.
type zipReader struct {
	in    *zipInput
	r     *bufio.Reader
	files []zipFile
}

// zipFile is what the directory must say of a file again.
type zipFile struct {
	name string
	crc  uint32
}

// position is how much of the zip was consumed.
func (z *zipReader) position() int64 { return z.in.n - int64(z.r.Buffered()) }

// fault is the error for something that could not be read.
func (z *zipReader) fault(err error) error {
	switch {
	case z.in.err != nil:
		return z.in.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends too early", ErrZip)
	}
	return fmt.Errorf("%w: a file in it cannot be inflated", ErrZip)
}

// bytes reads n bytes.
func (z *zipReader) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(z.r, b); err != nil {
		return nil, z.fault(err)
	}
	return b, nil
}

func (z *zipReader) uint32() (uint32, error) {
	b, err := z.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// file reads one file after its signature.
func (z *zipReader) file(each func(string, io.Reader) error) error {
	head, err := z.bytes(26)
	if err != nil {
		return err
	}
	flags, method := binary.LittleEndian.Uint16(head[2:]), binary.LittleEndian.Uint16(head[4:])
	if flags&^flagUTF8 != flagDescriptor || method != methodDeflate || len(z.files) == mostFiles {
		return fmt.Errorf("%w: it is not of the form that CDDS writes", ErrZip)
	}
	name, err := z.bytes(int(binary.LittleEndian.Uint16(head[22:])))
	if err != nil {
		return err
	}
	if _, err := z.bytes(int(binary.LittleEndian.Uint16(head[24:]))); err != nil { // extra field
		return err
	}
	start := z.position()
	content := &zipContent{z: z, inflate: flate.NewReader(z.r)}
	if err := each(string(name), content); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	z.files = append(z.files, zipFile{string(name), content.crc})
	return z.descriptor(content, z.position()-start)
}

// descriptor compares the data descriptor with what was read. Its sizes have 64
// bits where one of them does not fit into 32.
func (z *zipReader) descriptor(content *zipContent, packed int64) error {
	width := 4
	if max(content.size, packed) >= math.MaxUint32 {
		width = 8
	}
	d, err := z.bytes(8 + 2*width)
	if err != nil {
		return err
	}
	size := func(b []byte) uint64 {
		if width == 8 {
			return binary.LittleEndian.Uint64(b)
		}
		return uint64(binary.LittleEndian.Uint32(b))
	}
	if binary.LittleEndian.Uint32(d) != sigDescriptor || binary.LittleEndian.Uint32(d[4:]) != content.crc ||
		size(d[8:]) != uint64(packed) || size(d[8+width:]) != uint64(content.size) {
		return fmt.Errorf("%w: the checksum or the size of a file in it differs", ErrZip)
	}
	return nil
}

// directory reads all that follows the files, after its first signature.
func (z *zipReader) directory(signature uint32) error {
	for listed := 0; ; {
		var err error
		switch signature {
		case sigDirectory:
			err = z.listed(listed)
			listed++
		case sigEnd64:
			_, err = z.bytes(52)
		case sigLocator64:
			_, err = z.bytes(16)
		case sigEnd:
			return z.end(listed)
		default:
			return fmt.Errorf("%w: something unknown is in it", ErrZip)
		}
		if err != nil {
			return err
		}
		if signature, err = z.uint32(); err != nil {
			return err
		}
	}
}

// listed reads the directory's record of a file and compares it.
func (z *zipReader) listed(i int) error {
	head, err := z.bytes(42)
	if err != nil {
		return err
	}
	name, err := z.bytes(int(binary.LittleEndian.Uint16(head[24:])))
	if err != nil {
		return err
	}
	more := int(binary.LittleEndian.Uint16(head[26:])) + int(binary.LittleEndian.Uint16(head[28:])) // extra field and comment
	if _, err := z.bytes(more); err != nil {
		return err
	}
	if i >= len(z.files) || z.files[i] != (zipFile{string(name), binary.LittleEndian.Uint32(head[12:])}) {
		return fmt.Errorf("%w: its directory names other files than it has", ErrZip)
	}
	return nil
}

// end reads the last record and makes sure that nothing follows it.
func (z *zipReader) end(listed int) error {
	tail, err := z.bytes(18)
	if err != nil {
		return err
	}
	if listed != len(z.files) || int(binary.LittleEndian.Uint16(tail[6:])) != listed && binary.LittleEndian.Uint16(tail[6:]) != math.MaxUint16 {
		return fmt.Errorf("%w: its directory names other files than it has", ErrZip)
	}
	switch _, err := z.r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return z.fault(err)
	}
	return fmt.Errorf("%w: something follows it", ErrZip)
}

// zipContent inflates, hashes and counts a file.
type zipContent struct {
	z       *zipReader
	inflate io.Reader
	crc     uint32
	size    int64
}

// Read hashes what it reads.
func (c *zipContent) Read(p []byte) (int, error) {
	n, err := c.inflate.Read(p)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.z.fault(err)
	}
	return n, err
}
