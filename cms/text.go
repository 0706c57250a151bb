package cms

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
)

// textHeader begins the S/MIME text form (RFC 8551, section 3.2.1).
const textHeader = "MIME-Version: 1.0\r\n" +
	"Content-Disposition: attachment; filename=\"smime.p7m\"\r\n" +
	"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"\r\n" +
	"Content-Transfer-Encoding: base64\r\n\r\n"

// A line of base64 holds 48 octets in 64 characters, and CR LF.
const (
	lineOctets = 48
	lineChars  = 64
	lineSize   = lineChars + 2
	textLines  = 1024 // lines made at a time
)

// TextSize returns the length of the text form of a message of that many bytes.
func TextSize(size int64) int64 {
	text := int64(len(textHeader)) + size/lineOctets*lineSize
	if rest := size % lineOctets; rest > 0 {
		text += (rest+2)/3*4 + 2
	}
	return text
}

// TextReader is the S/MIME text form of a message, made while it is read. Since
// every line has the same length it can seek, so that parts of it can be
// fetched over HTTP. It is used by one goroutine at a time.
type TextReader struct {
	der   io.ReadSeeker
	size  int64 // of the message
	at    int64 // in the text
	chunk []byte
	from  int64 // place of chunk in the text
	lines []byte
}

// NewTextReader returns the text form of a message of the given size.
func NewTextReader(der io.ReadSeeker, size int64) *TextReader {
	return &TextReader{der: der, size: size, lines: make([]byte, textLines*lineOctets)}
}

// Seek sets the place of the next Read.
func (t *TextReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += t.at
	case io.SeekEnd:
		offset += TextSize(t.size)
	}
	if offset < 0 {
		return 0, errors.New("cms: seek before the start")
	}
	t.at = offset
	return offset, nil
}

// Read gives out text.
func (t *TextReader) Read(p []byte) (int, error) {
	if t.at >= TextSize(t.size) {
		return 0, io.EOF
	}
	if t.at < int64(len(textHeader)) {
		n := copy(p, textHeader[t.at:])
		t.at += int64(n)
		return n, nil
	}
	if t.at < t.from || t.at >= t.from+int64(len(t.chunk)) {
		if err := t.load(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.chunk[t.at-t.from:])
	t.at += int64(n)
	return n, nil
}

// load makes the lines around the present place.
func (t *TextReader) load() error {
	line := (t.at - int64(len(textHeader))) / lineSize
	octets := t.lines[:min(int64(len(t.lines)), t.size-line*lineOctets)]
	if _, err := t.der.Seek(line*lineOctets, io.SeekStart); err != nil {
		return fmt.Errorf("seek in the message: %w", err)
	}
	if _, err := io.ReadFull(t.der, octets); err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	t.chunk, t.from = t.chunk[:0], int64(len(textHeader))+line*lineSize
	for len(octets) > 0 {
		n := min(len(octets), lineOctets)
		t.chunk = base64.StdEncoding.AppendEncode(t.chunk, octets[:n])
		t.chunk = append(t.chunk, '\r', '\n')
		octets = octets[n:]
	}
	return nil
}

// maxTextHeader bounds the MIME headers that are read.
const maxTextHeader = 64 << 10

// textBody reads the MIME headers of a text form and returns its body decoded.
func textBody(in *bufio.Reader) (*bufio.Reader, error) {
	limited := &io.LimitedReader{R: in, N: maxTextHeader}
	headers := bufio.NewReaderSize(limited, 4096)
	mime, err := textproto.NewReader(headers).ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("%w: it is neither a CMS message nor its S/MIME text form", ErrDamaged)
	}
	kind := strings.ToLower(mime.Get("Content-Type"))
	if !strings.Contains(kind, "pkcs7-mime") {
		return nil, fmt.Errorf("%w: the MIME type is not application/pkcs7-mime", ErrUnsupported)
	}
	if !strings.EqualFold(mime.Get("Content-Transfer-Encoding"), "base64") {
		return nil, fmt.Errorf("%w: the MIME body is not base64", ErrUnsupported)
	}
	buffered, err := headers.Peek(headers.Buffered())
	if err != nil {
		return nil, fmt.Errorf("read the MIME body: %w", err)
	}
	body := io.MultiReader(strings.NewReader(string(buffered)), in)
	return bufio.NewReaderSize(base64.NewDecoder(base64.StdEncoding, &trailingSpace{r: body}), readSize), nil
}

// trailingSpace drops white space, which mail tools may add at line ends and at
// the end of the body. The base64 decoder itself drops line ends only.
type trailingSpace struct{ r io.Reader }

// Read reads without blanks and tabs.
func (t *trailingSpace) Read(p []byte) (int, error) {
	for {
		n, err := t.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != ' ' && c != '\t' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}
