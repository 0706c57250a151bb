package cms

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// textHeader begins the S/MIME text form (RFC 8551, section 3.2.1), in the words
// of OpenSSL. Lines end with CR LF throughout, as MIME asks.
func textHeader(how Profile) string {
	return "MIME-Version: 1.0\r\n" +
		"Content-Disposition: attachment; filename=\"smime.p7m\"\r\n" +
		"Content-Type: " + how.MediaType() + "; name=\"smime.p7m\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n"
}

const (
	lineOctets = 48 // of the message in a line
	lineChars  = 64 // of base64 in a line
	lineSize   = lineChars + 2
	chunkLines = 1024 // lines that are made at a time
)

// TextSize returns the length in bytes of the S/MIME text form of a message of
// that many bytes.
func TextSize(size int64, how Profile) int64 {
	return int64(len(textHeader(how))) + bodySize(size)
}

// bodySize is the length of the text behind the header.
func bodySize(size int64) int64 {
	text := size / lineOctets * lineSize
	if rest := size % lineOctets; rest > 0 {
		text += (rest+2)/3*4 + 2
	}
	return text
}

// TextReader is the S/MIME text form of a message, made while it is read. All
// lines have the same length, so that it can seek and parts of it can be
// fetched over HTTP. It holds some lines in memory, never the whole, and is for
// one goroutine at a time.
type TextReader struct {
	der    io.ReadSeeker
	header string
	size   int64  // of the message
	at     int64  // place in the text of the next Read
	octets []byte // room for a part of the message
	chunk  []byte // that part as text
	from   int64  // place of chunk in the text
}

// NewTextReader returns the text form of the message of that many bytes which
// begins at the start of der. The reader moves der about as it likes. Where der
// has fewer bytes, reading ends with an error that wraps io.ErrUnexpectedEOF;
// more are not looked at.
func NewTextReader(der io.ReadSeeker, size int64, how Profile) *TextReader {
	return &TextReader{der: der, header: textHeader(how), size: size, octets: make([]byte, chunkLines*lineOctets)}
}

// Seek sets the place of the next Read (see io.Seeker). A place beyond the end
// is allowed; reading there gives io.EOF.
func (t *TextReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += t.at
	case io.SeekEnd:
		offset += t.whole()
	default:
		return 0, errors.New("seek in the text form: unknown whence")
	}
	if offset < 0 {
		return 0, errors.New("seek in the text form: the place is before the start")
	}
	t.at = offset
	return offset, nil
}

// whole is the length of the text.
func (t *TextReader) whole() int64 { return int64(len(t.header)) + bodySize(t.size) }

// Read gives out text.
func (t *TextReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if t.at >= t.whole() {
		return 0, io.EOF
	}
	if t.at < int64(len(t.header)) {
		n := copy(p, t.header[t.at:])
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

// load makes the lines from the present place on.
func (t *TextReader) load() error {
	line := (t.at - int64(len(t.header))) / lineSize
	octets := t.octets[:min(int64(len(t.octets)), t.size-line*lineOctets)]
	if _, err := t.der.Seek(line*lineOctets, io.SeekStart); err != nil {
		return fmt.Errorf("seek in the message: %w", err)
	}
	if _, err := io.ReadFull(t.der, octets); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the end of the message is not the end of the text
		}
		return fmt.Errorf("read the message: %w", err)
	}
	t.chunk, t.from = t.chunk[:0], int64(len(t.header))+line*lineSize
	for len(octets) > 0 {
		n := min(len(octets), lineOctets)
		t.chunk = base64.StdEncoding.AppendEncode(t.chunk, octets[:n])
		t.chunk = append(t.chunk, '\r', '\n')
		octets = octets[n:]
	}
	return nil
}
