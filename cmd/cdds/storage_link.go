package main

import (
	"context"
	"net/http"
	"time"

	"gocloud.dev/blob"

	"cdds"
)

// linkFlags say whether downloads go through the service.
type linkFlags struct {
	Presigned time.Duration `name:"presigned-downloads" help:"Answer downloads with a link at which the object store itself serves the file for so long, 1m to 1h; 0: the service streams them. Whoever has the link has the encrypted file." default:"0" env:"CDDS_PRESIGNED_DOWNLOADS"`
}

// linker signs a link to an artifact in the storage; nil: downloads are streamed.
type linker = func(ctx context.Context, a cdds.Artifact) (string, error)

// Bounds of the time in which a link can be used. A download that began within
// it goes on.
const (
	shortestLink = time.Minute
	longestLink  = time.Hour
)

// links returns what signs links to the storage, or nil where the service is not
// to. A storage that cannot sign is refused now, not at the first download.
func (f linkFlags) links(ctx context.Context, s *storage) (linker, error) {
	if f.Presigned == 0 {
		return nil, nil
	}
	if f.Presigned < shortestLink || f.Presigned > longestLink {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "Links to artifacts cannot be good for that long.", Hint: "Give --presigned-downloads 1m to 1h, or 0."}
	}
	if s.folder != "" {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "A folder cannot serve downloads by itself.", Hint: "Leave --presigned-downloads out, or keep the artifacts in an object store (docs/storage.md)."}
	}
	sign := func(ctx context.Context, a cdds.Artifact) (string, error) {
		options := &blob.SignedURLOptions{Expiry: f.Presigned, Method: http.MethodGet}
		if s.beforeSign != nil {
			options.BeforeSign = s.beforeSign(a.Name)
		}
		return s.bucket.SignedURL(ctx, a.Key, options)
	}
	if _, err := sign(ctx, cdds.Artifact{Key: "doctor/link", Name: "link"}); err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The artifact storage signs no links with the credentials that the service has.",
			Hint: "Leave --presigned-downloads out, or give credentials that can sign: docs/storage.md says which.", Err: err}
	}
	return sign, nil
}
