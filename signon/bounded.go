package signon

import (
	"io"
	"net/http"
)

// Limits of what is read of an answer. A refusal is short, since it may go to
// the log.
const (
	maxAnswer  = 1 << 20
	maxRefusal = 2 << 10
)

// bounded cuts answers off, so that a provider cannot take the service's memory.
type bounded struct{ http.RoundTripper }

// RoundTrip carries out one request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	limit := int64(maxAnswer)
	if answer.StatusCode >= http.StatusMultipleChoices {
		limit = maxRefusal
	}
	answer.Body = cut{io.LimitReader(answer.Body, limit), answer.Body}
	return answer, nil
}

// cut reads from the limited body and closes the whole.
type cut struct {
	io.Reader
	io.Closer
}
