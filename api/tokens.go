package api

import (
	"context"
	"net/http"
	"time"

	"cdds"
)

// Token is an API token in an answer, without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  time.Time  `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt" doc:"Null: never. Kept to the minute."`
}

// NewToken is a token that was just made, with the secret that is shown once.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"Send it as Authorization: Bearer. It is not kept, and not shown again."`
}

type listTokensOutput struct {
	Body struct {
		Items []Token `json:"items"`
	}
}

type createTokenInput struct {
	Body struct {
		Name      string    `json:"name" doc:"1 to 100 characters."`
		Scopes    []string  `json:"scopes" doc:"One or more of read, run, download, administer."`
		ExpiresAt time.Time `json:"expiresAt" doc:"Within 366 days."`
	}
}

type createTokenOutput struct{ Body NewToken }

// TokenPath names a token.
type TokenPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *server) registerTokens() {
	register(s, operation("list-tokens", http.MethodGet, "/me/tokens", "My API tokens", cdds.ActionOwnTokens), s.listTokens)
	create := operation("create-token", http.MethodPost, "/me/tokens", "Make an API token", cdds.ActionOwnTokens)
	create.DefaultStatus = http.StatusCreated
	register(s, create, s.createToken)
	revoke := operation("revoke-token", http.MethodDelete, "/me/tokens/{id}", "Revoke an API token", cdds.ActionOwnTokens)
	revoke.DefaultStatus = http.StatusNoContent
	register(s, revoke, s.revokeToken)
}

func (s *server) listTokens(ctx context.Context, _ *struct{}) (*listTokensOutput, error) {
	tokens, err := s.Store.TokensOf(ctx, caller(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	out := &listTokensOutput{}
	out.Body.Items = make([]Token, 0, len(tokens))
	for _, k := range tokens {
		out.Body.Items = append(out.Body.Items, wireToken(k))
	}
	return out, nil
}

func (s *server) createToken(ctx context.Context, in *createTokenInput) (*createTokenOutput, error) {
	token := cdds.Token{Name: in.Body.Name, ExpiresAt: in.Body.ExpiresAt.UTC().Truncate(time.Microsecond)}
	for _, scope := range in.Body.Scopes {
		token.Scopes = append(token.Scopes, cdds.Scope(scope))
	}
	secret, token, err := s.Control.CreateToken(ctx, caller(ctx), token, s.now())
	if err != nil {
		return nil, err
	}
	return &createTokenOutput{Body: NewToken{Token: wireToken(token), Secret: secret}}, nil
}

func (s *server) revokeToken(ctx context.Context, in *TokenPath) (*emptyOutput, error) {
	return &emptyOutput{}, s.Control.RevokeToken(ctx, caller(ctx), in.ID, s.now())
}

func wireToken(k cdds.Token) Token {
	out := Token{ID: k.ID, Name: k.Name, Scopes: make([]string, 0, len(k.Scopes)), CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: optional(k.LastUsedAt)}
	for _, scope := range k.Scopes {
		out.Scopes = append(out.Scopes, string(scope))
	}
	return out
}
