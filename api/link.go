package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cdds"
)

// linkForm is what the audit log and the metrics call a download by a link of
// the artifact storage.
const linkForm = "link"

// sendLink answers a download with a short-lived link to the artifact storage,
// which serves the bytes by itself. The right was checked at the gate, and the
// audit line is there before the link is: who has it can do with it what the
// audit log says was done.
func (s *server) sendLink(ctx context.Context, a cdds.Artifact) (*huma.StreamResponse, error) {
	there, err := s.Bucket.Exists(ctx, a.Key)
	if err != nil || !there {
		return nil, noFile(err)
	}
	link, err := s.Link(ctx, a)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage gave no link to the file.",
			Hint: "Try again; if it stays so, the operator looks at the credentials of the artifact storage.", Err: err}
	}
	if err := s.Control.RecordDownload(ctx, caller(ctx), a, linkForm, s.now()); err != nil {
		return nil, err
	}
	s.Probe.DownloadBegan(linkForm)
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Location", link)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}}, nil
}

// noFile is the error of a storage that does not give an artifact's file.
func noFile(err error) error {
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The artifact storage did not give the file.", Hint: "Try again; if it stays so, the file may be lost: run the export again.", Err: err}
}
