package cms

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"strings"
)

// maxTextHeader bounds the MIME headers of a text form that is read, in bytes.
// It is less than readSize.
const maxTextHeader = 16 << 10

// textBody reads the MIME headers of an S/MIME text form and returns its body
// decoded.
func textBody(in *bufio.Reader) (*bufio.Reader, error) {
	head, err := textHead(in)
	if err != nil {
		return nil, err
	}
	headers, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("%w: it is neither a CMS message nor its S/MIME text form: %w", ErrDamaged, err)
	}
	kind, _, err := mime.ParseMediaType(headers.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("%w: the MIME type cannot be read: %w", ErrUnsupported, err)
	}
	if kind != "application/pkcs7-mime" && kind != "application/x-pkcs7-mime" {
		return nil, fmt.Errorf("%w: the MIME type is %s, not application/pkcs7-mime", ErrUnsupported, kind)
	}
	if !strings.EqualFold(headers.Get("Content-Transfer-Encoding"), "base64") {
		return nil, fmt.Errorf("%w: the MIME body is not in base64", ErrUnsupported)
	}
	return bufio.NewReaderSize(base64.NewDecoder(base64.StdEncoding, in), readSize), nil
}

// textHead reads the MIME headers with the empty line after them, and leaves
// the reader at the body.
func textHead(in *bufio.Reader) ([]byte, error) {
	start, err := in.Peek(maxTextHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the MIME headers: %w", err)
	}
	end := -1
	for _, empty := range []string{"\n\r\n", "\n\n"} {
		if i := bytes.Index(start, []byte(empty)); i >= 0 && (end < 0 || i+len(empty) < end) {
			end = i + len(empty)
		}
	}
	if end >= 0 {
		head := bytes.Clone(start[:end])
		if _, err := in.Discard(end); err != nil {
			return nil, fmt.Errorf("read the MIME headers: %w", err)
		}
		return head, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is neither a CMS message nor its S/MIME text form, or ends within the MIME headers: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	return nil, fmt.Errorf("%w: it is neither a CMS message nor its S/MIME text form", ErrDamaged)
}
