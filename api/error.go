package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cdds"
)

// Problem is the body of every error answer: RFC 9457 with a code to act on, a
// hint for people and the broken fields.
type Problem struct {
	Type   string         `json:"type" example:"about:blank"`
	Title  string         `json:"title" doc:"The HTTP status in words."`
	Status int            `json:"status"`
	Code   string         `json:"code" enum:"invalid,not_found,conflict,forbidden,unauthenticated,limited,unavailable,internal"`
	Detail string         `json:"detail" doc:"What failed."`
	Hint   string         `json:"hint,omitempty" doc:"What to do next."`
	Errors []ProblemField `json:"errors,omitempty" doc:"The broken fields."`

	retryAfter time.Duration // for the header
}

// ProblemField is one broken field of a request.
type ProblemField struct {
	Field   string `json:"field" example:"schedule.every"`
	Message string `json:"message"`
}

// Error makes a Problem an error, as huma asks.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status, as huma asks.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type of RFC 9457, as huma asks.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statusOf is the one place where codes become HTTP statuses.
func statusOf(code cdds.Code) int {
	switch code {
	case cdds.CodeInvalid:
		return http.StatusUnprocessableEntity
	case cdds.CodeNotFound:
		return http.StatusNotFound
	case cdds.CodeConflict:
		return http.StatusConflict
	case cdds.CodeForbidden:
		return http.StatusForbidden
	case cdds.CodeUnauthenticated:
		return http.StatusUnauthorized
	case cdds.CodeLimited:
		return http.StatusTooManyRequests
	case cdds.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// codeOf is the way back, for the errors that huma itself makes.
func codeOf(status int) cdds.Code {
	switch {
	case status == http.StatusNotFound:
		return cdds.CodeNotFound
	case status == http.StatusUnauthorized:
		return cdds.CodeUnauthenticated
	case status == http.StatusForbidden:
		return cdds.CodeForbidden
	case status == http.StatusConflict:
		return cdds.CodeConflict
	case status < http.StatusInternalServerError:
		return cdds.CodeInvalid
	}
	return cdds.CodeInternal
}

// headers are those of the answer besides its type.
func (p *Problem) headers() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	seconds := int64((p.retryAfter + time.Second - 1) / time.Second)
	return http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
}

// problem turns any error into a Problem. Errors that are not ours are logged
// whole and shown as internal: they may hold what is nobody's business.
func problem(log *slog.Logger, err error) *Problem {
	var e *cdds.Error
	if !errors.As(err, &e) {
		log.Error("request failed", "error", err)
		return &Problem{Type: "about:blank", Title: http.StatusText(http.StatusInternalServerError), Status: http.StatusInternalServerError,
			Code: string(cdds.CodeInternal), Detail: "Something went wrong inside CDDS.", Hint: "Try again. The service's log has the cause."}
	}
	status := statusOf(e.Code)
	if status >= http.StatusInternalServerError {
		log.Error("request failed", "error", err)
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: string(e.Code), Detail: e.Message, Hint: e.Hint, retryAfter: e.RetryAfter}
	var cause *cdds.Error
	if errors.As(e.Err, &cause) {
		p.Detail += " " + cause.Message
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ProblemField(f))
	}
	return p
}

// asProblem is the transformer that gives huma's own errors (validation, bad
// JSON, unknown media types) the form of all others. The offending value is
// left out: it may be a password.
func asProblem(_ huma.Context, _ string, body any) (any, error) {
	m, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(m.Status), Status: m.Status, Code: string(codeOf(m.Status)), Detail: "The request is not valid."}
	if len(m.Errors) == 0 && m.Detail != "" {
		p.Detail = sentence(m.Detail)
	}
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, fieldProblem(e))
	}
	return p, nil
}

// fieldProblem names the field as clients know it: without huma's prefix for
// the part of the request, and with an unknown key's own name.
func fieldProblem(e *huma.ErrorDetail) ProblemField {
	field := strings.TrimPrefix(e.Location, "body")
	field = strings.TrimPrefix(field, ".")
	for _, part := range []string{"query.", "path.", "header."} {
		field = strings.TrimPrefix(field, part)
	}
	return ProblemField{Field: field, Message: sentence(e.Message)}
}

// sentence makes a library's message one: a full stop at its end.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// writeProblem answers with an error outside of huma's handlers.
func writeProblem(api huma.API, ctx huma.Context, p *Problem) {
	ctx.SetHeader("Content-Type", p.ContentType(""))
	for name, values := range p.headers() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetStatus(p.Status)
	// The client may be gone; there is nobody else to tell.
	if err := api.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		return
	}
}
