package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"cdds"
	"cdds/control"
	"cdds/signon"
)

// CallbackPath is where the identity provider sends browsers back to.
const CallbackPath = Prefix + "/oidc/callback"

// SignOn is single sign-on as the operator has set it up.
type SignOn struct {
	Name     string // of the provider, for the button
	Provider *signon.Provider
	Rules    cdds.SignOnRules
}

// SingleSignOn is what the sign-in page shows of single sign-on.
type SingleSignOn struct {
	Name          *string        `json:"name" doc:"The identity provider's name; null where single sign-on is not set up."`
	Refusal       *SignOnRefused `json:"refusal" doc:"What the asked-for reason means, or null."`
	EndSessionURL *string        `json:"endSessionUrl" doc:"Where the session at the provider itself ends; null if that was not asked for, or the provider has no such place or does not answer."`
}

// SignOnRefused says why somebody was not signed in.
type SignOnRefused struct {
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// attemptCookie holds the secret of an attempt. It comes along when the provider
// sends the browser back, which is a navigation from another site, since the
// service's cookies are SameSite=Lax.
const attemptCookie = "cdds_sign_on"

func (s *server) registerSignOn() {
	register(s, operation("get-single-sign-on", http.MethodGet, "/oidc", "How single sign-on is set up", public), s.getSignOn)
	register(s, operation("begin-single-sign-on", http.MethodPost, "/oidc/sign-in", "Begin to sign in at the identity provider", public), s.beginSignOn)
	callback := operation("finish-single-sign-on", http.MethodGet, "/oidc/callback", "Come back from the identity provider", public)
	callback.DefaultStatus = http.StatusSeeOther
	// Providers add parameters of their own, and a browser needs a page in any case.
	callback.SkipValidateParams = true
	register(s, callback, s.finishSignOn)
	register(s, operation("backchannel-logout", http.MethodPost, "/oidc/backchannel-logout", "End sessions by the identity provider's logout token", public), s.backchannelLogout)
}

type getSignOnInput struct {
	Refused   string `query:"refused" maxLength:"40" doc:"A reason that the sign-in page was opened with."`
	SignedOut bool   `query:"signedOut" doc:"Ask where the session at the provider ends."`
}

type getSignOnOutput struct{ Body SingleSignOn }

func (s *server) getSignOn(ctx context.Context, in *getSignOnInput) (*getSignOnOutput, error) {
	out := &getSignOnOutput{}
	if s.SignOn == nil {
		return out, nil
	}
	out.Body.Name = &s.SignOn.Name
	if detail, hint := cdds.SignOnRefusal(in.Refused).Text(); detail != "" {
		out.Body.Refusal = &SignOnRefused{Detail: detail, Hint: hint}
	}
	if !in.SignedOut {
		return out, nil
	}
	end, err := s.SignOn.Provider.EndSessionURL(ctx)
	if err != nil {
		// The person is signed out here, which is what was asked for.
		s.Log.Warn("the identity provider's end of session is not known", "error", err)
	}
	if end != "" {
		out.Body.EndSessionURL = &end
	}
	return out, nil
}

type beginSignOnInput struct {
	Body struct {
		From *string `json:"from,omitempty" nullable:"true" maxLength:"2048" doc:"The page to go to afterwards; anything but a path of the console is ignored."`
	}
}

type beginSignOnOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      struct {
		URL string `json:"url" doc:"Where the browser signs in, at the provider."`
	}
}

func (s *server) beginSignOn(ctx context.Context, in *beginSignOnInput) (*beginSignOnOutput, error) {
	if s.SignOn == nil {
		return nil, notSetUp()
	}
	var from string
	if in.Body.From != nil {
		from = *in.Body.From
	}
	now := s.now()
	// An attempt that cannot go on is not begun.
	if err := s.SignOn.Provider.Ready(ctx); err != nil {
		return nil, err
	}
	secret, err := s.Control.BeginSignOn(ctx, from, now)
	if err != nil {
		return nil, err
	}
	out := &beginSignOnOutput{SetCookie: s.cookie(attemptCookie, secret, now.Add(control.SignOnAttempt))}
	out.Body.URL, err = s.SignOn.Provider.AuthURL(ctx, signon.Attempt(secret))
	return out, err
}

type finishSignOnInput struct {
	State       string `query:"state"`
	Code        string `query:"code"`
	Failed      string `query:"error"`
	Issuer      string `query:"iss"`
	Attempt     string `cookie:"cdds_sign_on" hidden:"true"`
	HostAttempt string `cookie:"__Host-cdds_sign_on" hidden:"true"`
}

type finishSignOnOutput struct {
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

// finishSignOn always leads to a page: into the console, or to the sign-in page
// with the reason.
func (s *server) finishSignOn(ctx context.Context, in *finishSignOnInput) (*finishSignOnOutput, error) {
	if s.SignOn == nil {
		return nil, notSetUp()
	}
	now := s.now()
	out := &finishSignOnOutput{SetCookie: []http.Cookie{s.removed(attemptCookie)}}
	signedIn, from, err := s.signOn(ctx, in, now)
	if err != nil {
		out.Location = s.refusedPage(ctx, from, err)
		return out, nil
	}
	switch {
	case from != "":
		out.Location = from
	case signedIn.Caller.User.Role.Can(cdds.ActionSeeJobs):
		out.Location = "/jobs"
	default:
		out.Location = "/history"
	}
	out.SetCookie = append(out.SetCookie, s.cookies(signedIn)...)
	return out, nil
}

// signOn carries the second half of the flow out, and gives a session to whom
// the provider vouches for.
func (s *server) signOn(ctx context.Context, in *finishSignOnInput, now time.Time) (signedIn control.SignedIn, from string, err error) {
	who, from, err := s.recognise(ctx, in, now)
	if err != nil {
		var reason cdds.SignOnRefusal
		if errors.As(err, &reason) {
			s.Probe.SignInRefused("single_sign_on")
			by := control.Caller{Address: remoteAddress(ctx)}
			s.Control.Refused(control.Refusal{By: by, Action: "session.create", Reason: "single sign-on: " + string(reason)}, now)
		}
		return signedIn, from, err
	}
	signedIn, err = s.Control.SignOn(ctx, who, browser(ctx), now)
	return signedIn, from, err
}

// recognise answers whether this is the browser that began the flow, what the
// provider says, and who that is here.
func (s *server) recognise(ctx context.Context, in *finishSignOnInput, now time.Time) (who cdds.Identity, from string, err error) {
	attempt := signon.Attempt(in.Attempt)
	if s.SecureCookies {
		attempt = signon.Attempt(in.HostAttempt)
	}
	if !attempt.Returned(in.State) {
		return who, "", cdds.RefuseSignOn(cdds.RefusedAttempt, errors.New("the state is not of this browser"))
	}
	if from, err = s.Control.TakeSignOn(ctx, string(attempt), now); err != nil {
		return who, "", err
	}
	if in.Failed != "" {
		return who, from, refusedByProvider(in.Failed)
	}
	claims, err := s.SignOn.Provider.Claims(ctx, attempt, in.Code, in.Issuer)
	if err != nil {
		return who, from, err
	}
	who, err = s.SignOn.Rules.Identify(claims)
	return who, from, err
}

// refusedByProvider is the error for the provider's own refusal. Only codes of
// the standards (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)
// go to the log, since anybody can write into an address.
func refusedByProvider(code string) error {
	switch code {
	case "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required":
		return cdds.RefuseSignOn(cdds.RefusedByProvider, errors.New(code))
	case "server_error", "temporarily_unavailable":
		return cdds.RefuseSignOn(cdds.RefusedUnavailable, errors.New(code))
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope":
		return cdds.RefuseSignOn(cdds.RefusedToken, errors.New(code))
	}
	return cdds.RefuseSignOn(cdds.RefusedByProvider, errors.New("a code of no standard"))
}

// refusedPage logs a refusal and returns the sign-in page that explains it.
func (s *server) refusedPage(ctx context.Context, from string, err error) string {
	reason := cdds.RefusedFault
	if !errors.As(err, &reason) {
		s.Log.Error("single sign-on failed", "error", err)
	} else {
		s.Log.Warn("sign-in refused", "way", "single sign-on", "reason", string(reason), "address", remoteAddress(ctx), "error", err)
	}
	query := url.Values{"refused": {string(reason)}}
	if from != "" {
		query.Set("from", from)
	}
	return "/sign-in?" + query.Encode()
}

type logoutInput struct {
	RawBody []byte `contentType:"application/x-www-form-urlencoded"`
}

type logoutOutput struct {
	Status int
	Body   LogoutAnswer
}

// LogoutAnswer is the answer to a logout token, in the form that the standard
// gives it.
type LogoutAnswer struct {
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
}

// backchannelLogout answers as OpenID Connect Back-Channel Logout 1.0, section
// 2.8 has it: 200, or 400 for whatever does not hold.
func (s *server) backchannelLogout(ctx context.Context, in *logoutInput) (*logoutOutput, error) {
	if s.SignOn == nil {
		return nil, notSetUp()
	}
	err := s.endSessions(ctx, in.RawBody)
	var reason cdds.SignOnRefusal
	switch {
	case err == nil:
		return &logoutOutput{Status: http.StatusOK}, nil
	case !errors.As(err, &reason) || reason == cdds.RefusedUnavailable:
		return nil, err
	}
	s.Log.Warn("logout token refused", "address", remoteAddress(ctx), "error", err)
	return &logoutOutput{Status: http.StatusBadRequest, Body: LogoutAnswer{Error: "invalid_request", Description: "The logout token is not valid here."}}, nil
}

func (s *server) endSessions(ctx context.Context, form []byte) error {
	values, err := url.ParseQuery(string(form))
	if err != nil || len(values["logout_token"]) != 1 {
		return cdds.RefuseSignOn(cdds.RefusedToken, errors.New("the form has no logout token"))
	}
	out, err := s.SignOn.Provider.Logout(ctx, values.Get("logout_token"))
	if err != nil {
		return err
	}
	return s.Control.EndSignOnSessions(ctx, out, remoteAddress(ctx), s.now())
}

func notSetUp() error {
	return &cdds.Error{Code: cdds.CodeNotFound, Message: "Single sign-on is not set up.", Hint: "Sign in with your password."}
}
