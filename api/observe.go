package api

import (
	"io"

	"github.com/danielgtaylor/huma/v2"

	"cdds/telemetry"
)

// endless is the key under which an operation says that its answer ends with
// the client or the service, so that its time means nothing.
const endless = "cdds.endless"

// observe counts and times each request by its operation. It goes first, so
// that what the gate refuses is counted too.
func (s *server) observe(ctx huma.Context, next func(huma.Context)) {
	inner, done := s.Probe.Request(ctx.Context(), ctx.Operation().OperationID)
	whole := false
	defer func() { done(ctx.Status(), !whole, ctx.Operation().Metadata[endless] == true) }()
	next(huma.WithContext(ctx, inner))
	whole = true
}

// counted counts what is read of a stored file for a download.
type counted struct {
	io.ReadSeeker
	probe *telemetry.Probe
}

// Read reads and counts.
func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.probe.Downloaded(int64(n))
	return n, err
}
