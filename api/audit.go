package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cdds"
	"cdds/door"
	"cdds/store"
)

// AuditLine is a line of the audit log.
type AuditLine struct {
	Number   int64     `json:"number" doc:"Place in the tenant's log, from 1."`
	At       time.Time `json:"at"`
	Username string    `json:"username" doc:"As it was then; empty where nobody knows who it was."`
	UserID   string    `json:"userId" doc:"Empty for the operator and the service itself."`
	TokenID  string    `json:"tokenId" doc:"The API token that was used; empty for a session or the command line."`
	Action   string    `json:"action" example:"job.create"`
	Object   string    `json:"object" doc:"Id of what was acted on."`
	Detail   string    `json:"detail" doc:"For a refused attempt the reason."`
	Result   string    `json:"result" enum:"done,refused"`
	Times    int64     `json:"times" doc:"How many equal attempts the line stands for; the time is that of the last."`
	Address  string    `json:"address" doc:"The client's network address; empty for the command line."`
	Hash     string    `json:"hash" doc:"SHA-256 over this line and the hash before it, as docs/audit.md says."`
}

// AuditFilter holds the conditions that the list and the export share.
type AuditFilter struct {
	Text   string    `query:"q" maxLength:"200" doc:"Part of the user's name or the detail, or the beginning of the object's id."`
	From   time.Time `query:"from" doc:"At or after this instant."`
	To     time.Time `query:"to" doc:"Before this instant."`
	User   string    `query:"user" maxLength:"100" doc:"A user's name."`
	Action string    `query:"action" maxLength:"60" doc:"An action, such as job.create."`
	Result string    `query:"result" enum:"done,refused"`
}

// Query returns the conditions for a tenant's log.
func (f AuditFilter) Query(tenantID string) store.AuditQuery {
	return store.AuditQuery{TenantID: tenantID, Text: f.Text, Username: f.User, Action: f.Action, Result: f.Result, From: f.From.UTC(), To: f.To.UTC()}
}

// Words says which lines were asked for. The searched text is left out, since it
// may be anything.
func (f AuditFilter) Words(format string) string {
	parts := []string{format}
	for _, p := range []struct{ name, value string }{
		{"from ", instantWord(f.From)}, {"to ", instantWord(f.To)}, {"action ", f.Action}, {"result ", f.Result},
	} {
		if p.value != "" {
			parts = append(parts, p.name+p.value)
		}
	}
	if f.User != "" {
		parts = append(parts, "of one user")
	}
	if f.Text != "" {
		parts = append(parts, "with a text")
	}
	return strings.Join(parts, ", ")
}

func instantWord(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type listAuditInput struct {
	AuditFilter
	Sort   string `query:"sort" maxLength:"40" doc:"at, action or username, with a minus for descending." example:"-at"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"1000" doc:"nextCursor of the page before."`
}

type listAuditOutput struct{ Body List[AuditLine] }

type exportAuditInput struct {
	AuditFilter
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl" doc:"JSON Lines, or comma-separated values with a header line."`
}

func (s *server) registerAudit() {
	register(s, operation("list-audit", http.MethodGet, "/audit", "Search the tenant's audit log", cdds.ActionSeeAudit), s.listAudit)
	export := operation("export-audit", http.MethodGet, "/audit/export", "Export the tenant's audit log, oldest first", cdds.ActionSeeAudit)
	export.Responses = map[string]*huma.Response{"200": {Description: "The lines, streamed.", Content: map[string]*huma.MediaType{
		"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/csv": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	register(s, export, s.exportAudit)
}

func (s *server) listAudit(ctx context.Context, in *listAuditInput) (*listAuditOutput, error) {
	q := in.Query(caller(ctx).User.TenantID)
	q.Paging = store.Paging{Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor}
	page, err := s.Store.Audit(ctx, q)
	if err != nil {
		return nil, err
	}
	return &listAuditOutput{Body: wireList(page, WireAudit)}, nil
}

// exportAudit streams the lines up to the one that tells of this export. A
// database that stops answering in mid-stream cuts the connection, so that a
// short export never looks whole.
func (s *server) exportAudit(ctx context.Context, in *exportAuditInput) (*huma.StreamResponse, error) {
	by, now := caller(ctx), s.now()
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	last, err := s.Control.RecordAuditExport(ctx, by, in.Words(in.Format), now)
	if err != nil {
		leave()
		return nil, err
	}
	q := in.Query(by.User.TenantID)
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		_, w := humago.Unwrap(hctx)
		w = door.Patient(w, s.Limits.Stall)
		mediaType := "application/jsonl"
		if in.Format == FormatCSV {
			mediaType = "text/csv; charset=utf-8"
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", `attachment; filename="cdds-audit-`+now.Format("20060102T150405Z")+`.`+in.Format+`"`)
		if err := ExportAudit(ctx, w, in.Format, s.Store, q, last); err != nil {
			s.Log.Warn("export of the audit log broke off", "error", err)
			panic(http.ErrAbortHandler) // the only way net/http offers to cut a response short
		}
	}}, nil
}

// WireAudit gives a line its public form.
func WireAudit(e store.AuditEntry) AuditLine {
	return AuditLine{
		Number: e.Number, At: e.At, Username: e.Username, UserID: e.UserID, TokenID: e.Token, Action: e.Action, Object: e.Object,
		Detail: e.Detail, Result: string(e.Result), Times: e.Times, Address: e.Address, Hash: e.Hash,
	}
}
