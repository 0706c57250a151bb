package api

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"gocloud.dev/blob"

	"cdds"
	"cdds/cms"
	"cdds/control"
	"cdds/door"
	"cdds/store"
)

// ArtifactPath names an artifact.
type ArtifactPath struct {
	ID string `path:"id" maxLength:"64"`
}

type artifactBody struct{ Body Artifact }

type listArtifactsInput struct {
	ListInput
	Type string `query:"type" doc:"interaction, contact; several with commas."`
	Job  string `query:"job" maxLength:"64" doc:"Id of a job."`
	Run  string `query:"run" maxLength:"64" doc:"Id of a run."`
}

type listArtifactsOutput struct{ Body List[Artifact] }

type contentInput struct {
	ArtifactPath
	Form string `query:"form" enum:"der,smime" default:"der" doc:"der: the stored file; smime: S/MIME text (MIME headers and base64)."`
}

type archiveInput struct {
	Body struct {
		IDs []string `json:"ids" minItems:"1" maxItems:"10000" doc:"Artifacts to download as one tar."`
	}
}

// linkInput asks for an archive by a link, which a browser streams to its
// download folder; the answer to a POST it would have to hold in memory.
type linkInput struct {
	IDs string `query:"ids" required:"true" minLength:"1" maxLength:"40000" doc:"Ids of artifacts, with commas; at most 1000."`
}

// maxLinked bounds the artifacts of a link, so that it fits into a request line.
const maxLinked = 1000

func (s *server) registerArtifacts() {
	register(s, operation("list-artifacts", http.MethodGet, "/artifacts", "List artifacts", cdds.ActionSeeArtifacts), s.listArtifacts)
	register(s, operation("get-artifact", http.MethodGet, "/artifacts/{id}", "Show an artifact", cdds.ActionSeeArtifacts), s.getArtifact)
	remove := operation("delete-artifact", http.MethodDelete, "/artifacts/{id}", "Delete an artifact now", cdds.ActionDeleteArtifacts)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, s.deleteArtifact)
	content := operation("download-artifact", http.MethodGet, "/artifacts/{id}/content", "Download an artifact; Range and If-Range are honoured", cdds.ActionDownload)
	content.Responses = binaryResponse("The encrypted file.", "application/pkcs7-mime")
	content.Description = "Where the service is set up so, the stored form is answered with 307: the address at which the artifact storage itself serves it for some minutes, with Range and an ETag of its own."
	register(s, content, s.downloadArtifact)
	archive := operation("archive-artifacts", http.MethodPost, "/artifacts/archive", "Download many artifacts as one tar stream", cdds.ActionDownload)
	archive.MaxBodyBytes = maxArchiveBody
	archive.Responses = binaryResponse("A tar of the encrypted files.", "application/x-tar")
	register(s, archive, s.archiveArtifacts)
	link := operation("archive-artifacts-by-link", http.MethodGet, "/artifacts/archive", "Download many artifacts as one tar stream, by a link", cdds.ActionDownload)
	link.Responses = binaryResponse("A tar of the encrypted files.", "application/x-tar")
	register(s, link, s.archiveLinked)
}

func binaryResponse(description, mediaType string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
}

func (s *server) listArtifacts(ctx context.Context, in *listArtifactsInput) (*listArtifactsOutput, error) {
	types, err := chosen("type", in.Type, "interaction", "contact")
	if err != nil {
		return nil, err
	}
	page, err := s.Store.Artifacts(ctx, store.ArtifactQuery{
		TenantID: caller(ctx).User.TenantID, Text: in.Text, JobID: in.Job, RunID: in.Run, Types: types, Paging: in.paging(),
	})
	if err != nil {
		return nil, err
	}
	now := s.now()
	return &listArtifactsOutput{Body: wireList(page, func(a cdds.Artifact) Artifact { return wireArtifact(a, now) })}, nil
}

func (s *server) getArtifact(ctx context.Context, in *ArtifactPath) (*artifactBody, error) {
	a, err := s.present(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &artifactBody{Body: wireArtifact(a, s.now())}, nil
}

func (s *server) deleteArtifact(ctx context.Context, in *ArtifactPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.DeleteArtifact(ctx, caller(ctx), in.ID, s.now())
}

// present returns an artifact of the caller's tenant whose bytes are there.
func (s *server) present(ctx context.Context, id string) (cdds.Artifact, error) {
	a, err := s.Store.Artifact(ctx, caller(ctx).User.TenantID, id)
	if err != nil {
		return a, err
	}
	if !a.ExpiredAt.IsZero() {
		return a, cdds.NotFound("artifact any more: it expired or was deleted")
	}
	return a, nil
}

// downloadArtifact streams the stored file, or its text form made on the fly.
// Both have a known length and can be read from any place, so that ranges work
// for both.
func (s *server) downloadArtifact(ctx context.Context, in *contentInput) (*huma.StreamResponse, error) {
	a, err := s.present(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.Link != nil && in.Form == "der" {
		return s.sendLink(ctx, a)
	}
	reader, err := s.open(ctx, a)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, closeAfter(reader, err)
	}
	if err := s.Control.RecordDownload(ctx, caller(ctx), a, in.Form, s.now()); err != nil {
		leave()
		return nil, closeAfter(reader, err)
	}
	s.Probe.DownloadBegan(in.Form)
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		defer s.closed(reader, a.ID)
		r, w := humago.Unwrap(hctx)
		w = door.Patient(w, s.Limits.Stall)
		name, mediaType, etag := a.Name, cms.ProfileOf(a.Encryption).MediaType(), a.SHA256
		var content io.ReadSeeker = counted{reader, s.Probe}
		if in.Form == "smime" {
			name, mediaType, etag = cdds.TextName(a.Name), "application/octet-stream", a.SHA256+"-smime"
			content = cms.NewTextReader(content, a.Size, cms.ProfileOf(a.Encryption))
		}
		w.Header().Set("ETag", `"`+etag+`"`)
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		http.ServeContent(w, r, name, a.CreatedAt, content)
	}}, nil
}

// open opens an artifact's bytes.
func (s *server) open(ctx context.Context, a cdds.Artifact) (*blob.Reader, error) {
	reader, err := s.Bucket.NewReader(ctx, a.Key, nil)
	if err != nil {
		return nil, noFile(err)
	}
	return reader, nil
}

func (s *server) archiveArtifacts(ctx context.Context, in *archiveInput) (*huma.StreamResponse, error) {
	return s.archive(ctx, in.Body.IDs)
}

func (s *server) archiveLinked(ctx context.Context, in *linkInput) (*huma.StreamResponse, error) {
	ids := strings.Split(in.IDs, ",")
	if len(ids) > maxLinked {
		return nil, cdds.Invalid("ids", "must be at most 1000 ids; ask for more with POST.")
	}
	return s.archive(ctx, ids)
}

// archive streams many artifacts as one plain tar. All are looked up and
// written to the audit log before the first byte goes out; a file that cannot
// be read in mid-stream cuts the connection, so that a short archive never
// looks whole.
func (s *server) archive(ctx context.Context, ids []string) (*huma.StreamResponse, error) {
	by := caller(ctx)
	files := make([]cdds.Artifact, 0, len(ids))
	for _, id := range ids {
		a, err := s.present(ctx, id)
		if err != nil {
			return nil, err
		}
		files = append(files, a)
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.recordDownloads(ctx, by, files); err != nil {
		leave()
		return nil, err
	}
	s.Probe.DownloadBegan("archive")
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		_, w := humago.Unwrap(hctx)
		w = door.Patient(w, s.Limits.Stall)
		w.Header().Set("Content-Type", "application/x-tar")
		w.Header().Set("Content-Disposition", `attachment; filename="cdds-artifacts.tar"`)
		if err := s.writeTar(ctx, w, files); err != nil {
			s.Log.Warn("archive download broke off", "error", err)
			panic(http.ErrAbortHandler) // the only way net/http offers to cut a response short
		}
	}}, nil
}

func (s *server) recordDownloads(ctx context.Context, by control.Caller, files []cdds.Artifact) error {
	now := s.now()
	for _, a := range files {
		if err := s.Control.RecordDownload(ctx, by, a, "archive", now); err != nil {
			return err
		}
	}
	return nil
}

// writeTar writes the artifacts one after the other. Two artifacts of one name
// cannot meet: names carry the run's id and the part's number.
func (s *server) writeTar(ctx context.Context, w io.Writer, files []cdds.Artifact) error {
	tw := tar.NewWriter(w)
	for _, a := range files {
		header := &tar.Header{Name: a.Name, Size: a.Size, Mode: 0o600, ModTime: a.CreatedAt, Format: tar.FormatPAX}
		if err := tw.WriteHeader(header); err != nil {
			return fmt.Errorf("begin %s: %w", a.ID, err)
		}
		reader, err := s.open(ctx, a)
		if err != nil {
			return err
		}
		_, err = io.Copy(tw, counted{reader, s.Probe})
		if err := closeAfter(reader, err); err != nil {
			return fmt.Errorf("copy %s: %w", a.ID, err)
		}
	}
	return tw.Close()
}

// closeAfter closes a reader and returns the first error of both.
func closeAfter(r io.Closer, err error) error {
	if closeErr := r.Close(); err == nil {
		return closeErr
	}
	return err
}

func (s *server) closed(r io.Closer, id string) {
	if err := r.Close(); err != nil {
		s.Log.Warn("end of a download", "artifact", id, "error", err)
	}
}
