package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"cdds"
	"cdds/source"
)

type schemaInput struct {
	Name string `path:"name" maxLength:"40" doc:"interaction, contact or attachment." example:"interaction"`
}

type schemaOutput struct {
	ContentType string `header:"Content-Type"`
	Body        json.RawMessage
}

func (s *server) registerSchemas() {
	register(s, operation("get-schema", http.MethodGet, "/schemas/{name}", "JSON Schema (draft-07) of an exported record", public), s.getSchema)
}

func (s *server) getSchema(_ context.Context, in *schemaInput) (*schemaOutput, error) {
	text, ok := source.Schema(strings.TrimSuffix(in.Name, ".json"))
	if !ok {
		err := cdds.NotFound("schema")
		err.Hint = "Schemas are " + strings.Join(source.SchemaNames(), ", ") + "."
		return nil, err
	}
	return &schemaOutput{ContentType: "application/schema+json", Body: text}, nil
}
