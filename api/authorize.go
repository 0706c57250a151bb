package api

import (
	"context"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cdds"
	"cdds/control"
	"cdds/door"
)

// needs is the key under which an operation names the right that it needs.
const needs = "cdds.action"

// unasked is the key under which an operation says that pages call it by
// themselves, so that it tells nothing about whether somebody is there.
const unasked = "cdds.unasked"

// public marks the operations that anybody may call.
const public cdds.Action = "public"

// callerKey is the context key of the request's caller.
type callerKey struct{}

// caller returns who sent the request. It is called in handlers of operations
// that are not public, which authorize has given a caller.
func caller(ctx context.Context) control.Caller {
	by, _ := ctx.Value(callerKey{}).(control.Caller)
	return by
}

// authorize is the one gate: it finds the caller and lets the request through
// when the caller has the operation's right. An operation without a named right
// is refused for everybody.
func (s *server) authorize(ctx huma.Context, next func(huma.Context)) {
	action, named := ctx.Operation().Metadata[needs].(cdds.Action)
	if !named {
		writeProblem(s.api, ctx, problem(s.Log, &cdds.Error{Code: cdds.CodeForbidden, Message: "This operation has no rule and is closed."}))
		return
	}
	var by control.Caller
	var err error
	limit, key := s.Limits.Addresses, door.Network(address(ctx.RemoteAddr()))
	if action != public {
		if by, err = s.identify(ctx); err == nil {
			limit, key = s.Limits.Users, by.User.ID
		}
	}
	if tooMany := s.inTime(limit, key); tooMany != nil {
		err = tooMany
	}
	if err == nil && action != public && !by.Can(action) {
		err = denied(by, action)
	}
	if err != nil {
		s.refuseAtGate(ctx, by, err)
		writeProblem(s.api, ctx, problem(s.Log, err))
		return
	}
	if action == public {
		next(ctx)
		return
	}
	ctx = huma.WithValue(ctx, objectKey{}, objectOf(ctx.Param("id")))
	next(huma.WithValue(ctx, callerKey{}, by))
}

// identify finds the caller by the API token of the Authorization header
// (RFC 6750, section 2.1), or else by the cookies.
func (s *server) identify(ctx huma.Context) (control.Caller, error) {
	from, now := address(ctx.RemoteAddr()), s.now()
	header := ctx.Header("Authorization")
	if header == "" {
		return s.identifyBrowser(ctx, now)
	}
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return control.Caller{}, &cdds.Error{Code: cdds.CodeUnauthenticated, Message: "The Authorization header is not of the form \"Bearer cdds_...\".", Hint: "Send an API token, or sign in."}
	}
	return s.Control.CallerByToken(ctx.Context(), strings.TrimSpace(secret), from, now)
}

// identifyBrowser finds the caller by the session cookie. A remembered browser
// whose session has ended gets its next one with the answer, whatever it asked
// for. What a page asks by itself does not keep a session alive.
func (s *server) identifyBrowser(ctx huma.Context, now time.Time) (control.Caller, error) {
	from := browser(ctx.Context())
	find := s.Control.Caller
	if ctx.Operation().Metadata[unasked] == true {
		find = s.Control.Onlooker
	}
	by, err := find(ctx.Context(), from.Session, from.Address, now)
	if cdds.CodeOf(err) != cdds.CodeUnauthenticated || from.Remembered == "" {
		return by, err
	}
	in, err := s.Control.Resume(ctx.Context(), from, now)
	if err != nil {
		return control.Caller{}, err
	}
	for _, cookie := range s.cookies(in) {
		ctx.AppendHeader("Set-Cookie", cookie.String())
	}
	return in.Caller, nil
}

// denied is the answer to a known caller without the right.
func denied(by control.Caller, action cdds.Action) error {
	role := by.User.Role
	switch {
	case role.Can(action):
		return &cdds.Error{Code: cdds.CodeForbidden, Message: "The scopes of this API token do not allow this.", Hint: "Make a token with the scope it needs; some things need a person who is signed in."}
	case role == cdds.RoleNone:
		return &cdds.Error{Code: cdds.CodeForbidden, Message: "Access Denied: your user has no role.", Hint: "Ask an administrator of your tenant for a role."}
	}
	return &cdds.Error{Code: cdds.CodeForbidden, Message: "Your role (" + string(role) + ") does not allow this.", Hint: "Ask an administrator of your tenant."}
}

// operation describes one operation and the right it needs.
func operation(id, method, path, summary string, action cdds.Action) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: Prefix + path, Summary: summary,
		Metadata: map[string]any{needs: action}, MaxBodyBytes: maxBody, BodyReadTimeout: 30 * time.Second,
	}
	if action != public {
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
		op.Description = "Needs the right " + string(action) + "."
	}
	return op
}

// register adds a handler and turns its errors into problems.
func register[I, O any](s *server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		s.refuseInside(ctx, op, err)
		p := problem(s.Log, err)
		if headers := p.headers(); headers != nil {
			return nil, huma.ErrorWithHeaders(p, headers)
		}
		return nil, p
	})
}

// now is the request's time, cut to what the store keeps.
func (s *server) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// address is the network address without its port.
func address(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
