// Package signontest is an identity provider for tests: a small one that keeps
// to the standard, with tokens that are really signed, and that misbehaves in
// one way at a time when a test asks for it.
package signontest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The client that the provider knows.
const (
	ClientID     = "cdds"
	ClientSecret = "a secret that only two know"
)

// Behaviour is what the provider does. The zero value vouches for nobody.
type Behaviour struct {
	Person   map[string]any       // claims in the ID token, sub among them
	UserInfo map[string]any       // claims that come by the user info alone
	Spoil    func(map[string]any) // changes the ID token's claims before they are signed
	Unsigned bool                 // ID tokens say that they need no signature
	NoToken  bool                 // answers without an ID token
	Denies   string               // sends browsers back with this error
	Down     bool                 // answers nothing but errors
}

// Provider is a running provider.
type Provider struct {
	URL string

	t         testing.TB
	key       *rsa.PrivateKey
	mu        sync.Mutex
	behaviour Behaviour
	grants    map[string]url.Values // requests by the code that was given
}

// Start starts a provider and stops it at the end of the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, key: key, grants: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /auth", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.now().Down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Behave makes the provider do something from now on.
func (p *Provider) Behave(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
}

func (p *Provider) now() Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behaviour
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.answer(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/end",
		"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
	})
}

// authorize sends the browser back at once: who it is was settled by the test.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	back, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil || asked.Get("client_id") != ClientID || asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" || !strings.Contains(asked.Get("scope"), "openid") {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {asked.Get("state")}, "iss": {p.URL}, "session_state": {"of the provider's own"}}
	if denies := p.now().Denies; denies != "" {
		answer.Set("error", denies)
	} else {
		p.mu.Lock()
		code := "code-" + strconv.Itoa(len(p.grants))
		p.grants[code] = asked
		p.mu.Unlock()
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token redeems a code once, for the client that proves itself and has the
// verifier of the challenge.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	unescaped, err := url.QueryUnescape(secret)
	if err != nil || id != ClientID || unescaped != ClientSecret {
		p.answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	asked := p.grants[r.FormValue("code")]
	p.grants[r.FormValue("code")] = nil
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if asked == nil || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("redirect_uri") != r.FormValue("redirect_uri") {
		p.answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "what was sent: " + r.FormValue("code_verifier")})
		return
	}
	b, now := p.now(), time.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(claims, b.Person)
	if b.Spoil != nil {
		b.Spoil(claims)
	}
	answer := map[string]any{"access_token": "an access token", "token_type": "Bearer", "expires_in": 60}
	if !b.NoToken {
		answer["id_token"] = p.Sign(claims, "JWT")
	}
	p.answer(w, http.StatusOK, answer)
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer an access token" {
		http.Error(w, "who?", http.StatusUnauthorized)
		return
	}
	b := p.now()
	info := map[string]any{"sub": b.Person["sub"]}
	maps.Copy(info, b.UserInfo)
	p.answer(w, http.StatusOK, info)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	public := p.key.PublicKey
	p.answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// Logout returns a logout token, changed where change is not nil.
func (p *Provider) Logout(id string, change func(map[string]any)) string {
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": id,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	if change != nil {
		change(claims)
	}
	return p.Sign(claims, "logout+jwt")
}

// Sign makes a token of claims, as the provider signs at present.
func (p *Provider) Sign(claims map[string]any, kind string) string {
	unsigned := p.now().Unsigned
	head := map[string]any{"alg": "RS256", "kid": "1", "typ": kind}
	if unsigned {
		head["alg"] = "none"
	}
	text := p.part(head) + "." + p.part(claims)
	if unsigned {
		return text + "."
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (p *Provider) part(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		p.t.Error(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (p *Provider) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		p.t.Error(err)
	}
}
