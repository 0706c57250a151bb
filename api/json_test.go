package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestCheckJSON holds what the check refuses and, as important, that it refuses
// nothing else.
func TestCheckJSON(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"k` + strings.Repeat("x", i) + `":1`)
		}
		return "{" + b.String() + "}"
	}
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"an object":                {`{"a":{"a":1,"b":[1,{"a":2}]},"b":"a","c":null}`, nil},
		"the same key elsewhere":   {`[{"a":1},{"a":1},{"b":{"a":1},"a":{"b":1}}]`, nil},
		"values like keys":         {`{"a":"b","b":"a","c":["a","a"]}`, nil},
		"white space":              {" { } \n", nil},
		"a text":                   {`"x"`, nil},
		"deep":                     {strings.Repeat(`[`, 32) + strings.Repeat(`]`, 32), nil},
		"too deep":                 {strings.Repeat(`[`, 33), errJSONDepth},
		"too deep in objects":      {strings.Repeat(`{"a":`, 100_000), errJSONDepth},
		"a number":                 {strings.Repeat("9", 64), nil},
		"a huge number":            {strings.Repeat("9", 65), errJSONNumber},
		"a huge number inside":     {`{"a":[1,` + strings.Repeat("9", 60_000) + `]}`, errJSONNumber},
		"a key twice":              {`{"a":1,"b":2,"a":3}`, errJSONTwice},
		"a key twice, escaped":     {`{"a":1,"\u0061":3}`, errJSONTwice},
		"a key twice behind lists": {`{"a":[{"a":1}],"b":{},"a":3}`, errJSONTwice},
		"a key twice inside":       {`{"a":{"b":1,"b":2}}`, errJSONTwice},
		"many members":             {members(1000), nil},
		"too many members":         {members(1001), errJSONMembers},
		"two values":               {`{} {}`, errJSONMore},
		"garbage behind":           {`{} x`, errJSONMore},
	} {
		if err := checkJSON([]byte(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// FuzzCheckJSON holds that valid JSON is refused for one of the bounds alone.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[[[]]]`, `1e999`, `{"a"`, `{"a":1}}`, `{}{}`, `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkJSON(data)
		bound := errors.Is(err, errJSONDepth) || errors.Is(err, errJSONMembers) || errors.Is(err, errJSONNumber) || errors.Is(err, errJSONTwice)
		if json.Valid(data) && err != nil && !bound {
			t.Errorf("%q is refused: %v", data, err)
		}
	})
}
