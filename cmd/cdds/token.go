package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// tokenCommand groups the commands about API tokens.
type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Make an API token of a user; its secret is shown once."`
	List   tokenListCommand   `cmd:"" help:"List a user's API tokens."`
	Revoke tokenRevokeCommand `cmd:"" help:"Revoke an API token."`
}

// ownerFlags name the user whose tokens are meant.
type ownerFlags struct {
	dataFlags
	User   string `help:"Username." required:""`
	Tenant string `help:"Name of the tenant; needed where several have a user of that name."`
}

// open opens the metadata and finds the user.
func (f ownerFlags) open(ctx context.Context) (*store.Store, cdds.User, error) {
	st, err := openStore(ctx, f.dataFlags, true)
	if err != nil {
		return nil, cdds.User{}, err
	}
	user, err := openControl(st).UserNamed(ctx, f.User, f.Tenant)
	if err != nil {
		return nil, cdds.User{}, closing(st, err)
	}
	return st, user, nil
}

// tokenCreateCommand makes a token.
type tokenCreateCommand struct {
	ownerFlags
	outputFlags
	Name   string   `arg:"" help:"What the token is for."`
	Scopes []string `help:"What it may do: read, run, download, administer; several with commas. The user's role bounds it further." default:"read"`
	Days   int      `help:"How many days it works, at most 366." default:"90"`
}

// Run makes the token and prints its secret to stdout, and all else to stderr.
func (c *tokenCreateCommand) Run(ctx context.Context, std streams) error {
	st, user, err := c.open(ctx)
	if err != nil {
		return err
	}
	now := utcNow()
	token := cdds.Token{Name: c.Name, ExpiresAt: now.AddDate(0, 0, c.Days)}
	for _, scope := range c.Scopes {
		token.Scopes = append(token.Scopes, cdds.Scope(scope))
	}
	secret, token, err := openControl(st).CreateToken(ctx, control.Caller{User: user}, token, now)
	if err := closing(st, err); err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(std.Out).Encode(struct {
			listedToken
			Secret string `json:"secret"`
		}{listToken(token), secret})
	}
	fmt.Fprintf(std.Err, "Token %s of %s works until %s. Its secret is not shown again:\n", token.Name, user.Username, token.ExpiresAt.Format(time.RFC3339))
	_, err = fmt.Fprintln(std.Out, secret)
	return err
}

// tokenListCommand lists tokens.
type tokenListCommand struct {
	ownerFlags
	outputFlags
}

// listedToken is a token in the JSON output.
type listedToken struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  time.Time  `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

func listToken(k cdds.Token) listedToken {
	out := listedToken{ID: k.ID, Name: k.Name, Scopes: []string{}, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt}
	for _, scope := range k.Scopes {
		out.Scopes = append(out.Scopes, string(scope))
	}
	if !k.LastUsedAt.IsZero() {
		out.LastUsedAt = &k.LastUsedAt
	}
	return out
}

// Run lists the tokens.
func (c *tokenListCommand) Run(ctx context.Context, std streams) error {
	st, user, err := c.open(ctx)
	if err != nil {
		return err
	}
	tokens, err := st.TokensOf(ctx, user.ID)
	if err := closing(st, err); err != nil {
		return err
	}
	return c.print(std.Out, tokens)
}

func (c *tokenListCommand) print(w io.Writer, tokens []cdds.Token) error {
	listed := make([]listedToken, 0, len(tokens))
	for _, k := range tokens {
		listed = append(listed, listToken(k))
	}
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(listed)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSCOPES\tEXPIRES (UTC)\tLAST USED (UTC)")
	for _, k := range listed {
		used := "never"
		if k.LastUsedAt != nil {
			used = k.LastUsedAt.Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, strings.Join(k.Scopes, ","), k.ExpiresAt.Format(time.DateTime), used)
	}
	return table.Flush()
}

// tokenRevokeCommand revokes a token.
type tokenRevokeCommand struct {
	ownerFlags
	ID string `arg:"" help:"Id of the token, as cdds token list shows it."`
}

// Run revokes the token.
func (c *tokenRevokeCommand) Run(ctx context.Context, std streams) error {
	st, user, err := c.open(ctx)
	if err != nil {
		return err
	}
	if err := closing(st, openControl(st).RevokeToken(ctx, control.Caller{User: user}, c.ID, utcNow())); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, "The token was revoked.")
	return err
}
