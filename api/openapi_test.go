package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"cdds/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestOpenAPIIsGolden keeps the API's description from changing unseen: clients
// and the console are made from it.
func TestOpenAPIIsGolden(t *testing.T) {
	const golden = "testdata/openapi.golden.json"
	got, err := api.OpenAPI("golden")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the API's description has changed; if that is meant, go test ./api -update writes it anew")
	}
}

// TestEveryOperationNeedsARight holds that no operation is open by accident:
// each but signing in, what the identity provider calls, and the public record
// schemas needs a session.
func TestEveryOperationNeedsARight(t *testing.T) {
	text, err := api.OpenAPI("golden")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	public := map[string]bool{"sign-in": true, "get-schema": true,
		"get-single-sign-on": true, "begin-single-sign-on": true, "finish-single-sign-on": true, "backchannel-logout": true}
	operations := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations++
			if !strings.HasPrefix(path, api.Prefix+"/") {
				t.Errorf("%s %s stands outside of %s", method, path, api.Prefix)
			}
			if public[op.OperationID] == (len(op.Security) > 0) {
				t.Errorf("%s %s: security %v", method, path, op.Security)
			}
		}
	}
	if operations < 25 {
		t.Errorf("only %d operations", operations)
	}
}
