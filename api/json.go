package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"

	"github.com/danielgtaylor/huma/v2"
)

// Bounds of the JSON that comes in, far above what any request needs.
const (
	maxJSONDepth   = 32
	maxJSONMembers = 1000 // of one object
	maxJSONNumber  = 64   // characters
)

// The refusals of JSON that is no request of ours.
var (
	errJSONDepth   = errors.New("the JSON is nested more than 32 deep")
	errJSONMembers = errors.New("the JSON has an object of more than 1000 members")
	errJSONNumber  = errors.New("the JSON has a number of more than 64 characters")
	errJSONTwice   = errors.New("the JSON has a key twice in one object, so that readers may disagree on its value")
	errJSONMore    = errors.New("the JSON goes on behind its end")
)

// strictFormats has each format check its JSON before it is read into memory a
// second and third time.
func strictFormats(formats map[string]huma.Format) map[string]huma.Format {
	strict := maps.Clone(formats)
	for name, format := range strict {
		read := format.Unmarshal
		format.Unmarshal = func(data []byte, into any) error {
			if err := checkJSON(data); err != nil {
				return err
			}
			return read(data, into)
		}
		strict[name] = format
	}
	return strict
}

// checkJSON walks JSON once, in memory that the bounds limit, and refuses what
// RFC 8259 lets readers treat as they like: deep nesting, huge numbers, and a
// key that comes twice.
func checkJSON(data []byte) error {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	var open []container
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(open) > 0 {
			if err := open[len(open)-1].next(token); err != nil {
				return err
			}
		}
		switch t := token.(type) {
		case json.Number:
			if len(t) > maxJSONNumber {
				return errJSONNumber
			}
		case json.Delim:
			switch t {
			case '{', '[':
				if len(open) == maxJSONDepth {
					return errJSONDepth
				}
				open = append(open, newContainer(t))
				continue
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) == 0 && trailing(data[tokens.InputOffset():]) {
			return errJSONMore
		}
	}
}

// container is an object or an array that is being read.
type container struct {
	keys  map[string]bool // nil for an array
	inKey bool            // what comes next is a key
}

func newContainer(begin json.Delim) container {
	if begin == '{' {
		return container{keys: map[string]bool{}, inKey: true}
	}
	return container{}
}

// next takes the next token at this level, or the end of it.
func (c *container) next(token json.Token) error {
	if c.keys == nil {
		return nil
	}
	key, isText := token.(string)
	if !c.inKey || !isText {
		c.inKey = true
		return nil
	}
	c.inKey = false
	if c.keys[key] {
		return errJSONTwice
	}
	if len(c.keys) == maxJSONMembers {
		return errJSONMembers
	}
	c.keys[key] = true
	return nil
}

// trailing reports whether more than white space follows.
func trailing(rest []byte) bool { return len(bytes.TrimSpace(rest)) > 0 }
