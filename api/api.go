// Package api serves the product over HTTP: REST under /api/v1, with an
// OpenAPI 3.1 document made from the Go types of this package, problem+json
// errors, cookie sessions and server-sent events.
//
// Each request passes one gate (authorize): every operation names the right it
// needs, and an operation that names none is refused. Handlers translate
// between the wire and control's verbs, or read from the store; they hold no
// rules.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"gocloud.dev/blob"

	"cdds"
	"cdds/control"
	"cdds/door"
	"cdds/source"
	"cdds/store"
	"cdds/telemetry"
)

// Prefix is the path under which all operations stand.
const Prefix = "/api/v1"

// Bounds of request bodies, in bytes. Most requests are far smaller than the
// first; what takes more says so beside its operation.
const (
	maxBody        = 64 << 10
	maxArchiveBody = 1 << 20 // 10,000 ids
	maxSignInBody  = 16 << 10
)

// Config is what the API works with.
type Config struct {
	Store   *store.Store
	Control *control.Control
	Bucket  *blob.Bucket
	// Link signs a short-lived address at which the artifact storage itself serves
	// an artifact; nil where the service streams all downloads.
	Link    func(ctx context.Context, a cdds.Artifact) (string, error)
	Sources *source.Registry
	Version string
	// Retention is how long artifacts of tenants are kept that have no time of
	// their own.
	Retention time.Duration
	// SecureCookies marks cookies Secure, for service behind TLS.
	SecureCookies bool
	// Limits bound what one client may ask for; the zero value has none.
	Limits door.Limits
	Now    func() time.Time
	Log    *slog.Logger
	SignOn *SignOn // nil where single sign-on is not set up
	// Checks are what /readyz looks at.
	Checks []Check
	Probe  *telemetry.Probe
}

// server holds what the handlers need.
type server struct {
	Config
	api     huma.API
	changes *changes
}

// Handler returns the HTTP handler of the whole API, with /healthz and
// /readyz beside it. Event streams end when ctx does.
func Handler(ctx context.Context, cfg Config) http.Handler {
	mux := http.NewServeMux()
	s := newServer(ctx, cfg, mux)
	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(s.crossOrigin))
	return attached(protect.Handler(mux))
}

// attached has browsers keep answers of the API as files, not show them as pages
// of this origin, whatever is in them (ASVS 4.0, 14.4.2). Answers that are files
// say their names themselves.
func attached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, Prefix+"/") {
			w.Header().Set("Content-Disposition", "attachment")
		}
		next.ServeHTTP(w, r)
	})
}

// OpenAPI returns the API's description as indented JSON.
func OpenAPI(version string) ([]byte, error) {
	s := newServer(context.Background(), Config{Version: version, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, http.NewServeMux())
	return json.MarshalIndent(s.api.OpenAPI(), "", "  ")
}

// EncodeJob gives a frozen job its public JSON form, as the manifest holds it.
func EncodeJob(spec cdds.JobSpec) ([]byte, error) {
	return json.Marshal(wireSpec(spec))
}

func newServer(ctx context.Context, cfg Config, mux *http.ServeMux) *server {
	s := &server{Config: cfg}
	s.changes = newChanges(ctx, cfg.Store, cfg.Now, cfg.Log)
	config := huma.DefaultConfig("CDDS", cfg.Version)
	config.Info.Description = "Exports Contact History into encrypted files that only the owner of the certificate can read."
	config.CreateHooks = nil // no $schema links in answers
	config.DocsPath, config.SchemasPath = "", ""
	config.OpenAPIPath = Prefix + "/openapi"
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{asProblem}
	config.Formats = strictFormats(config.Formats)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: cookieName(sessionCookie, cfg.SecureCookies)},
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token, made under User preferences or by cdds token create."},
	}
	s.api = humago.New(mux, config)
	s.api.UseMiddleware(s.observe, withRemote, s.withBrowser, s.authorize)
	s.registerSession()
	s.registerSessions()
	s.registerSignOn()
	s.registerCertificate()
	s.registerTokens()
	s.registerRecipients()
	s.registerUsers()
	s.registerPassword()
	s.registerJobs()
	s.registerRuns()
	s.registerArtifacts()
	s.registerOverview()
	s.registerAudit()
	s.registerTenant()
	s.registerNodes()
	s.registerEvents()
	s.registerSchemas()
	s.describeProblems()
	s.registerHealth(mux)
	return s
}

// describeProblems puts the real form of errors into the OpenAPI document in
// place of the one that huma registers for itself.
func (s *server) describeProblems() {
	schemas := s.api.OpenAPI().Components.Schemas
	problemSchema := schemas.SchemaFromRef(schemas.Schema(typeOf[Problem](), true, "Problem").Ref)
	schemas.Map()["ErrorModel"] = problemSchema
	delete(schemas.Map(), "ErrorDetail")
}

// registerHealth serves the probes: alive, and ready to work.
func (s *server) registerHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", Alive)
	ready := Ready(s.Checks, s.Log)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if s.Limits.Addresses.Take(door.Network(address(r.RemoteAddr)), s.now()) > 0 {
			http.Error(w, "Asked too often.", http.StatusTooManyRequests)
			return
		}
		ready.ServeHTTP(w, r)
	})
}
