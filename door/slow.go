package door

import (
	"net/http"
	"time"
)

// Prompt gives the body of each request a time limit, also where no handler
// reads it: net/http reads on to keep the connection. It lifts the limit itself
// when the body has ended.
func Prompt(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(limit)); err != nil {
				http.Error(w, "The connection takes no time limit.", http.StatusInternalServerError)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// piece is how much of a download is written at a time, in bytes.
const piece = 32 << 10

// patient is an answer whose every piece has a time limit of its own.
type patient struct {
	http.ResponseWriter
	stall time.Duration
}

// Patient returns w for a long answer: it may take as long as it needs, as long
// as the client takes a piece of 32 KiB within stall. So a slow line is served
// to the end, and a client that has stopped to read is not waited for. Without
// a stall there is no limit.
func Patient(w http.ResponseWriter, stall time.Duration) http.ResponseWriter {
	return &patient{ResponseWriter: w, stall: stall}
}

// Unwrap lets http.ResponseController find the writer inside.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Write writes in pieces. The type has no ReadFrom on purpose: it would go
// round this method.
func (p *patient) Write(b []byte) (int, error) {
	written := 0
	for {
		part := b[written:min(len(b), written+piece)]
		deadline := time.Time{}
		if p.stall > 0 {
			deadline = time.Now().Add(p.stall)
		}
		if err := http.NewResponseController(p.ResponseWriter).SetWriteDeadline(deadline); err != nil {
			return written, err
		}
		n, err := p.ResponseWriter.Write(part)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}
