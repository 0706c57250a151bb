package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
	"cdds/control"
)

// Me is the signed-in user.
type Me struct {
	Username    string       `json:"username"`
	Tenant      string       `json:"tenant"`
	Role        *string      `json:"role" doc:"Null for a user without a role, who sees Access Denied."`
	Certificate *Certificate `json:"certificate" doc:"Null until one is imported."`
	Encryption  string       `json:"encryption" enum:"compatible,authenticated" doc:"How my exports are encrypted."`
	// The console offers to sign out at the provider too.
	SingleSignOn bool `json:"singleSignOn" doc:"Whether this session came by single sign-on."`
}

// Certificate is a recipient certificate in an answer.
type Certificate struct {
	Subject       string    `json:"subject"`
	Issuer        string    `json:"issuer"`
	Serial        string    `json:"serial" doc:"Hexadecimal."`
	NotBefore     time.Time `json:"notBefore"`
	NotAfter      time.Time `json:"notAfter"`
	Fingerprint   string    `json:"fingerprint" doc:"SHA-256 of the DER form, hexadecimal."`
	KeyBits       int       `json:"keyBits"`
	Valid         bool      `json:"valid" doc:"Whether it can be used now."`
	WarnAfterDays int       `json:"warnAfterDays" doc:"30, 7 or 1 when it expires within that many days, else 0."`
}

type signInInput struct {
	Body struct {
		Username string  `json:"username" minLength:"1" maxLength:"256"`
		Tenant   *string `json:"tenant,omitempty" nullable:"true" maxLength:"256" doc:"Needed only where the name exists in several tenants."`
		Password string  `json:"password" minLength:"1" maxLength:"1024"`
		Remember bool    `json:"remember,omitempty" doc:"Remember this browser: it gets its next sessions without a password, for 30 days unless the service is set otherwise."`
	}
}

type meOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type emptyOutput struct{}

type signOutOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *server) registerSession() {
	in := operation("sign-in", http.MethodPost, "/session", "Sign in", public)
	in.MaxBodyBytes = maxSignInBody
	register(s, in, s.signIn)
	out := operation("sign-out", http.MethodDelete, "/session", "Sign out", cdds.ActionOwnSessions)
	out.DefaultStatus = http.StatusNoContent
	register(s, out, s.signOut)
	register(s, operation("get-me", http.MethodGet, "/me", "The signed-in user", cdds.ActionSignedIn), s.getMe)
}

func (s *server) signIn(ctx context.Context, form *signInInput) (*meOutput, error) {
	cred := control.Credentials{Username: form.Body.Username, Password: form.Body.Password, Remember: form.Body.Remember}
	if form.Body.Tenant != nil {
		cred.Tenant = *form.Body.Tenant
	}
	now := s.now()
	in, err := s.Control.SignIn(ctx, cred, browser(ctx), now)
	if err != nil {
		return nil, err
	}
	me, err := s.me(ctx, in.Caller.User, now)
	if err != nil {
		return nil, err
	}
	return &meOutput{SetCookie: s.cookies(in), Body: me}, nil
}

func (s *server) signOut(ctx context.Context, _ *struct{}) (*signOutOutput, error) {
	if err := s.Control.SignOut(ctx, caller(ctx), browser(ctx), s.now()); err != nil {
		return nil, err
	}
	return &signOutOutput{SetCookie: s.noCookies()}, nil
}

type meBody struct{ Body Me }

func (s *server) getMe(ctx context.Context, _ *struct{}) (*meBody, error) {
	me, err := s.me(ctx, caller(ctx).User, s.now())
	me.SingleSignOn = caller(ctx).SingleSignOn
	return &meBody{Body: me}, err
}

func (s *server) me(ctx context.Context, user cdds.User, now time.Time) (Me, error) {
	me := Me{Username: user.Username, Tenant: user.TenantName}
	if user.Role != cdds.RoleNone {
		role := string(user.Role)
		me.Role = &role
	}
	encryption, err := s.Store.Encryption(ctx, user.ID)
	if err != nil {
		return me, err
	}
	me.Encryption = string(encryption)
	cert, err := s.Store.Certificate(ctx, user.ID)
	if cdds.CodeOf(err) == cdds.CodeNotFound {
		return me, nil
	}
	if err != nil {
		return me, err
	}
	wire := wireCertificate(cert, now)
	me.Certificate = &wire
	return me, nil
}

func wireCertificate(c cdds.Certificate, now time.Time) Certificate {
	return Certificate{
		Subject: c.Subject, Issuer: c.Issuer, Serial: c.Serial, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Fingerprint: c.Fingerprint, KeyBits: c.KeyBits, Valid: c.Check(now) == nil, WarnAfterDays: c.ExpiryWarning(now),
	}
}
