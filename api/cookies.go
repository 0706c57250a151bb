package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cdds/control"
)

// The cookies. The __Host- prefix, which needs TLS, binds them to this host and
// to all of its paths.
const (
	sessionCookie  = "cdds_session"
	rememberCookie = "cdds_remember"
	hostPrefix     = "__Host-"
)

// cookieName is the name under which a cookie is set.
func cookieName(name string, secure bool) string {
	if secure {
		return hostPrefix + name
	}
	return name
}

// browserKey is the context key of what the client shows of itself.
type browserKey struct{}

// withBrowser keeps what the client shows of itself, for signing in and out.
func (s *server) withBrowser(ctx huma.Context, next func(huma.Context)) {
	next(huma.WithValue(ctx, browserKey{}, s.readBrowser(ctx)))
}

func (s *server) readBrowser(ctx huma.Context) control.Browser {
	return control.Browser{
		Address: remoteAddress(ctx.Context()), UserAgent: ctx.Header("User-Agent"),
		Session: s.readCookie(ctx, sessionCookie), Remembered: s.readCookie(ctx, rememberCookie),
	}
}

// browser returns what the request's client shows of itself.
func browser(ctx context.Context) control.Browser {
	b, _ := ctx.Value(browserKey{}).(control.Browser)
	return b
}

// readCookie returns a cookie's value, or "".
func (s *server) readCookie(ctx huma.Context, name string) string {
	cookie, err := huma.ReadCookie(ctx, cookieName(name, s.SecureCookies))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// cookies are what a browser keeps of a sign-in: the session until it is closed,
// and where it is remembered the secret for the next one.
func (s *server) cookies(in control.SignedIn) []http.Cookie {
	remember := s.cookie(rememberCookie, in.Remember, in.RememberUntil)
	if in.Remember == "" {
		remember = s.removed(rememberCookie)
	}
	return []http.Cookie{s.cookie(sessionCookie, in.Secret, time.Time{}), remember}
}

// noCookies removes both.
func (s *server) noCookies() []http.Cookie {
	return []http.Cookie{s.removed(sessionCookie), s.removed(rememberCookie)}
}

// cookie makes a cookie that no script reads and that no other site's form
// sends. A zero end makes it one of the browser's session.
func (s *server) cookie(name, value string, ends time.Time) http.Cookie {
	return http.Cookie{
		Name: cookieName(name, s.SecureCookies), Value: value, Path: "/", Expires: ends,
		HttpOnly: true, Secure: s.SecureCookies, SameSite: http.SameSiteLaxMode,
	}
}

// removed makes the cookie that removes the one of its name.
func (s *server) removed(name string) http.Cookie {
	c := s.cookie(name, "", time.Time{})
	c.MaxAge = -1
	return c
}
