package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// List is a page of a list.
type List[T any] struct {
	Items        []T     `json:"items"`
	Total        int64   `json:"total" doc:"How many match, over all pages."`
	TotalAtLeast bool    `json:"totalAtLeast" doc:"The list is longer than total says: rows are counted up to 10,000."`
	NextCursor   *string `json:"nextCursor" doc:"Pass it as cursor for the next page; null at the end."`
}

// ListInput holds the query parameters that all lists share.
type ListInput struct {
	Text   string `query:"q" maxLength:"200" doc:"Part of the title, or the beginning of an id."`
	Sort   string `query:"sort" maxLength:"40" doc:"A key, with a minus for descending." example:"-createdAt"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"1000" doc:"nextCursor of the page before."`
}

func (in ListInput) paging() store.Paging {
	return store.Paging{Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor}
}

// wireList turns a page of rows into a page of answers.
func wireList[R, T any](page store.Page[R], wire func(R) T) List[T] {
	out := List[T]{Items: make([]T, 0, len(page.Items)), Total: page.Total, TotalAtLeast: page.AtLeast}
	for _, row := range page.Items {
		out.Items = append(out.Items, wire(row))
	}
	if page.NextCursor != "" {
		out.NextCursor = &page.NextCursor
	}
	return out
}

// chosen splits a comma-separated filter and refuses words that are not
// allowed.
func chosen(field, value string, allowed ...string) ([]string, error) {
	if value == "" {
		return nil, nil
	}
	words := strings.Split(value, ",")
	for _, word := range words {
		known := false
		for _, a := range allowed {
			known = known || word == a
		}
		if !known {
			return nil, cdds.Invalid(field, "has an unknown value; allowed are "+strings.Join(allowed, ", ")+".")
		}
	}
	return words, nil
}

// OnceInput carries the key that makes a create repeatable.
type OnceInput struct {
	Key string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a create with the same key and body answers with the first one's object for a day."`
}

// once binds the key to the request it came with.
func (in OnceInput) once(operation string, parts ...any) (control.Once, error) {
	if in.Key == "" {
		return control.Once{}, nil
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return control.Once{}, err
	}
	sum := sha256.Sum256(append([]byte(operation+"\n"), text...))
	return control.Once{Key: in.Key, Request: hex.EncodeToString(sum[:])}, nil
}

// remoteKey is the context key of the client's address.
type remoteKey struct{}

// withRemote keeps the client's address for handlers of public operations.
func withRemote(ctx huma.Context, next func(huma.Context)) {
	next(huma.WithValue(ctx, remoteKey{}, address(ctx.RemoteAddr())))
}

func remoteAddress(ctx context.Context) string {
	remote, _ := ctx.Value(remoteKey{}).(string)
	return remote
}
