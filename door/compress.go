package door

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

const (
	// minCompressed is the size in bytes from which compression saves a packet.
	minCompressed = 1400
	// jitter is how many random bytes at most are added, so that the length of
	// an answer says little about its content.
	jitter = 32
)

// Compress gives JSON answers to GET requests as gzip where the client reads
// that. All else passes as it is: event streams must not wait, artifacts do not
// get smaller, and answers that hand out a secret, which are never to GET, must
// not tell by their length how much of the request they repeat (BREACH).
func Compress(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.ContentTypes([]string{"application/json"}), gzhttp.RandomJitter(jitter, 0, false), gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("prepare the compression of answers: %w", err)
	}
	compressed := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Range") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	}), nil
}
