package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"cdds"
	"cdds/control"
)

// objectKey is the context key of the id in the request's path.
type objectKey struct{}

// objectOf returns the id in the path, or "" where that is not one: what clients
// write there may be anything, and goes into the audit log.
func objectOf(id string) string {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return ""
	}
	return id
}

// auditAction is what an operation is called in the audit log: noun.verb, and
// for what changes something the name that its verb in control writes.
func auditAction(operationID string) string {
	switch operationID {
	case "sign-out":
		return "session.delete"
	case "put-certificate":
		return "certificate.import"
	case "revoke-token":
		return "token.delete"
	case "archive-artifacts", "archive-artifacts-by-link":
		return "artifact.download"
	}
	verb, noun, found := strings.Cut(operationID, "-")
	if !found {
		return operationID
	}
	return noun + "." + verb
}

// refuseAtGate takes note of a request that authorize has not let through. The
// console asks who is signed in before it shows the sign-in page: that is no
// attempt at anything.
func (s *server) refuseAtGate(ctx huma.Context, by control.Caller, err error) {
	shown := browser(ctx.Context())
	asksWho := ctx.Operation().OperationID == "get-me" && ctx.Header("Authorization") == "" && shown.Session == "" && shown.Remembered == ""
	if asksWho || !refused(cdds.CodeOf(err)) {
		return
	}
	if by.Address == "" {
		by.Address = address(ctx.RemoteAddr())
	}
	s.Control.Refused(control.Refusal{
		By: by, Action: auditAction(ctx.Operation().OperationID), Object: objectOf(ctx.Param("id")), Reason: string(cdds.CodeOf(err)),
	}, s.now())
}

// refuseInside takes note of a request that was let through and then refused by
// a verb: for an object that the caller's tenant does not have, for instance.
// Signing in takes note of its own.
func (s *server) refuseInside(ctx context.Context, op huma.Operation, err error) {
	code := cdds.CodeOf(err)
	by := caller(ctx)
	if by.User.ID == "" || !refused(code) && code != cdds.CodeNotFound {
		return
	}
	if code == cdds.CodeNotFound && strings.HasPrefix(op.Path, Prefix+"/me") && !strings.Contains(op.Path, "{id}") {
		return // somebody without a certificate looks for one
	}
	object, _ := ctx.Value(objectKey{}).(string)
	s.Control.Refused(control.Refusal{By: by, Action: auditAction(op.OperationID), Object: object, Reason: string(code)}, s.now())
}

// refused reports whether an error of this code tells of a refused attempt.
func refused(code cdds.Code) bool {
	return code == cdds.CodeUnauthenticated || code == cdds.CodeForbidden || code == cdds.CodeLimited
}

// crossOrigin refuses requests that another site has a browser send, and takes
// note of them. It stands before the router, so it writes its answer itself.
func (s *server) crossOrigin(w http.ResponseWriter, r *http.Request) {
	s.Control.Refused(control.Refusal{By: control.Caller{Address: address(r.RemoteAddr)}, Action: "request.cross-site", Reason: string(cdds.CodeForbidden)}, s.now())
	p := problem(s.Log, &cdds.Error{Code: cdds.CodeForbidden, Message: "This request was sent by another site.",
		Hint: "Open CDDS itself and do it there."})
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody else to tell.
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return
	}
}
