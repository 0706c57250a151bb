package export

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cdds/source"
)

// slowLine encodes a record the slow way, by encoding/json and time.Format.
func slowLine(e source.Entity, r *source.Record) []byte {
	var members []string
	groups := map[string]int{} // place of the group's member
	nested := map[string][]string{}
	for i, f := range source.Fields(e) {
		v := r.Values[i]
		if f.Group != "" {
			nested[f.Group] = append(nested[f.Group], slowString(f.Name)+":"+slowValue(f.Kind, v))
			continue
		}
		if f.Kind == source.Group {
			if v.Null {
				groups[f.Name] = -1
			} else {
				groups[f.Name] = len(members)
			}
		}
		members = append(members, slowString(f.Name)+":"+slowValue(f.Kind, v))
	}
	for name, place := range groups {
		if place >= 0 {
			members[place] = slowString(name) + ":{" + strings.Join(nested[name], ",") + "}"
		}
	}
	if e == source.Contact {
		attributes := []string{}
		for _, a := range r.Attributes {
			description := "null"
			if a.Description != nil {
				description = slowString(*a.Description)
			}
			attributes = append(attributes, fmt.Sprintf(`{"name":%s,"value":%s,"primary":%t,"description":%s}`, slowString(a.Name), slowString(a.Value), a.Primary, description))
		}
		members = append(members, `"attributes":[`+strings.Join(attributes, ",")+"]")
	}
	return []byte("{" + strings.Join(members, ",") + "}\n")
}

func slowValue(kind source.Kind, v source.Value) string {
	switch {
	case v.Null:
		return "null"
	case kind == source.Int:
		return fmt.Sprint(v.Int)
	case kind == source.Bool:
		return fmt.Sprint(v.Int != 0)
	case kind == source.Instant:
		return `"` + slowInstant(v.Int) + `"`
	case kind == source.JSON:
		return string(v.Bytes)
	case kind == source.Binary:
		return `"` + base64.StdEncoding.EncodeToString(v.Bytes) + `"`
	}
	return slowString(string(v.Bytes))
}

// slowString leaves all characters but two to encoding/json, which escapes
// these for the sake of JavaScript.
func slowString(s string) string {
	var out strings.Builder
	for _, piece := range strings.SplitAfter(strings.ReplaceAll(s, "\u2029", "\u2029\u2028"), "\u2028") {
		line, separated := strings.CutSuffix(piece, "\u2028")
		line, paragraph := strings.CutSuffix(line, "\u2029")
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(line); err != nil {
			return err.Error()
		}
		out.Write(b.Bytes()[1 : b.Len()-2])
		switch {
		case paragraph:
			out.WriteString("\u2029")
		case separated:
			out.WriteString("\u2028")
		}
	}
	return `"` + out.String() + `"`
}

func slowInstant(micros int64) string {
	switch micros {
	case math.MaxInt64:
		return "infinity"
	case math.MinInt64:
		return "-infinity"
	}
	at := time.UnixMicro(micros).UTC()
	if year := at.Year(); year < 0 || year > 9999 {
		return fmt.Sprintf("%+07d", year) + at.AddDate(2000-year, 0, 0).Format("-01-02T15:04:05.999999Z")
	}
	return at.Format("2006-01-02T15:04:05.999999Z")
}

func TestInstants(t *testing.T) {
	at := func(year, month, date, hour, minute, second, micros int) int64 {
		return time.Date(year, time.Month(month), date, hour, minute, second, micros*1000, time.UTC).UnixMicro()
	}
	var d day // one for all, as for the records of a run
	for micros, want := range map[int64]string{
		0:                                     "1970-01-01T00:00:00Z",
		-1:                                    "1969-12-31T23:59:59.999999Z",
		at(2026, 2, 28, 23, 59, 59, 0):        "2026-02-28T23:59:59Z",
		at(2026, 3, 1, 0, 0, 0, 0):            "2026-03-01T00:00:00Z",
		at(2024, 2, 29, 9, 5, 7, 100_000):     "2024-02-29T09:05:07.1Z",
		at(2024, 2, 29, 9, 5, 7, 10):          "2024-02-29T09:05:07.00001Z",
		at(2024, 2, 29, 9, 5, 7, 1):           "2024-02-29T09:05:07.000001Z",
		at(9999, 12, 31, 23, 59, 59, 999_999): "9999-12-31T23:59:59.999999Z",
		at(10000, 1, 1, 0, 0, 0, 0):           "+010000-01-01T00:00:00Z",
		at(294246, 12, 31, 0, 0, 0, 0):        "+294246-12-31T00:00:00Z",
		at(0, 1, 1, 0, 0, 0, 0):               "0000-01-01T00:00:00Z",
		at(-1, 12, 31, 0, 0, 0, 0):            "-000001-12-31T00:00:00Z",
		at(-4712, 1, 1, 0, 0, 0, 0):           "-004712-01-01T00:00:00Z",
		math.MaxInt64:                         "infinity",
		math.MinInt64:                         "-infinity",
	} {
		equal(t, fmt.Sprint(micros), string(d.append(nil, micros)), want)
		equal(t, "slow "+fmt.Sprint(micros), slowInstant(micros), want)
	}
}

func TestStrings(t *testing.T) {
	var controls strings.Builder
	for c := range rune(0x20) {
		controls.WriteRune(c)
	}
	for text, want := range map[string]string{
		"":                       `""`,
		"a\"b\\c/d<e>&'":         `"a\"b\\c/d<e>&'"`,
		"\n\r\t\b\f\x00\x1f\x7f": "\"\\n\\r\\t\\b\\f\\u0000\\u001f\x7f\"",
		"\u2028\u2029\ufeff":     "\"\u2028\u2029\ufeff\"",
		"שלום 👩‍👩‍👧 e\u0301":     "\"שלום 👩‍👩‍👧 e\u0301\"",
		controls.String():        `"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"`,
	} {
		equal(t, "bytes", string(appendString(nil, []byte(text))), want)
		equal(t, "string", string(appendString(nil, text)), want)
		var back string
		must(t, json.Unmarshal([]byte(want), &back))
		equal(t, "read back", back, text)
	}
	for c := range 0x80 {
		var back string
		must(t, json.Unmarshal(appendString(nil, []byte{byte(c)}), &back))
		equal(t, fmt.Sprintf("character %#x", c), back, string(rune(c)))
	}
}

// TestStringsAtEachPlace puts every pair of bytes that matter at each place of a
// short text: eight bytes are looked at together.
func TestStringsAtEachPlace(t *testing.T) {
	for _, a := range "\x00\x1f !\"#[\\]\x7f\u0080ÿ" {
		for _, b := range "\x1f\"\\z" {
			for i := range 20 {
				for j := range 20 {
					text := []rune("0123456789abcdefghij")
					text[i], text[j] = a, b
					equal(t, "text", string(appendString(nil, string(text))), slowString(string(text)))
				}
			}
		}
	}
}

// TestLines compares lines with their form in the contract.
func TestLines(t *testing.T) {
	desc := "home"
	contact := source.Record{
		Values:     []source.Value{{Bytes: []byte("c1")}, {Int: 101}, {Int: 0}, {Null: true}, {Null: true}},
		Attributes: []source.Attribute{{Name: "FirstName", Value: "Zoë", Primary: true}, {Name: "PhoneNumber", Value: "1\n2", Description: &desc}},
	}
	lonely := source.Record{Values: []source.Value{{}, {Int: -1}, {Null: true}, {Int: math.MaxInt64}, {Bytes: []byte("c2")}}}
	attachment := source.Record{Values: []source.Value{
		{Bytes: []byte("d1")}, {Bytes: []byte("i1")}, {Int: 101}, {Bytes: []byte("x.bin")}, {Null: true}, {Int: 3}, {Null: true}, {Int: 1500000}, {Bytes: []byte{0xff, 0, 0xfe}},
	}}
	for want, line := range map[string][]byte{
		`{"contactId":"c1","tenantId":101,"createdDate":"1970-01-01T00:00:00Z","modifiedDate":null,"mergeId":null,"attributes":[` +
			`{"name":"FirstName","value":"Zoë","primary":true,"description":null},{"name":"PhoneNumber","value":"1\n2","primary":false,"description":"home"}]}`: newEncoder(source.Contact).append(nil, &contact),
		`{"contactId":"","tenantId":-1,"createdDate":null,"modifiedDate":"infinity","mergeId":"c2","attributes":[]}`:                                                          newEncoder(source.Contact).append(nil, &lonely),
		`{"id":"d1","entityId":"i1","tenantId":101,"theName":"x.bin","mimeType":null,"theSize":3,"description":null,"createdDate":"1970-01-01T00:00:01.5Z","content":"/wD+"}`: newEncoder(source.Attachment).append(nil, &attachment),
	} {
		equal(t, "line", string(line), want+"\n")
	}
}

// TestInteractionLine compares a line with its form in the contract: a group
// that is there has all its keys, and one that is not is null, whatever its
// fields hold.
func TestInteractionLine(t *testing.T) {
	r := source.Record{}
	for _, f := range source.Fields(source.Interaction) {
		v := source.Value{Null: true, Int: 9, Bytes: []byte("left from the record before")}
		switch f.Group + "." + f.Name {
		case ".ixnId":
			v = source.Value{Bytes: []byte("i1")}
		case ".tenantId", ".threadHash":
			v = source.Value{Int: math.MinInt64}
		case ".isSpam":
			v = source.Value{Int: 1}
		case ".canBeParent", ".callback", "callback.attempts":
			v = source.Value{}
		case ".allAttributes":
			v = source.Value{Bytes: []byte(`{"a":[1.50,null]}`)}
		case "email.mailbox": // of a group that is not there
			v = source.Value{Bytes: []byte("m")}
		case "callback.status":
			v = source.Value{Int: -3}
		}
		r.Values = append(r.Values, v)
	}
	nulls := func(names string) string { return `"` + strings.ReplaceAll(names, " ", `":null,"`) + `":null,` }
	want := `{"ixnId":"i1","tenantId":-9223372036854775808,` + nulls("contactId parentId threadId") + `"threadHash":-9223372036854775808,` +
		nulls("externalId entityTypeId mediaTypeId typeId subtypeId status stoppedReason startDate modifiedDate endDate timeShift subject text structuredText structTextMimetype theComment lang ownerId creatorAppId subtenantId queueName categoryId isCategoryApproved") +
		`"isSpam":true,` + nulls("webSafeEmailStatus") + `"canBeParent":false,` +
		nulls("strAttribute1 strAttribute2 strAttribute3 strAttribute4 strAttribute5 strAttribute6 strAttribute7 strAttribute8 strAttribute9 strAttribute10 intAttribute1 intAttribute2 intAttribute3 intAttribute4 intAttribute5") +
		`"allAttributes":{"a":[1.50,null]},` + nulls("email chat phoneCall") +
		`"callback":{` + nulls("customerNumber callbackType desiredResponseType") + `"status":-3,` + nulls("startTime endTime") + `"attempts":0,"result":null}}` + "\n"
	enc := newEncoder(source.Interaction)
	equal(t, "line", string(enc.append(nil, &r)), want)

	for i, f := range source.Fields(source.Interaction) {
		r.Values[i].Null = f.Kind != source.Group
	}
	var line struct{ Email, Chat, PhoneCall, Callback map[string]any }
	must(t, json.Unmarshal(enc.append(nil, &r), &line))
	equal(t, "keys of groups without values", fmt.Sprint(len(line.Email), len(line.Chat), len(line.PhoneCall), len(line.Callback)), "7 3 4 8")
}

// FuzzEncode compares the encoder with the slow one, and what a reader reads
// with what the record holds.
func FuzzEncode(f *testing.F) {
	f.Add(uint8(0), "text \"\\\n\x00\u2028😀", int64(1), int64(0), uint64(0), []byte("{}"))
	f.Add(uint8(1), "", int64(-1), int64(math.MaxInt64), uint64(math.MaxUint64), []byte{0, 255})
	f.Add(uint8(2), "a\x7fb", int64(math.MinInt64), int64(-62135596800000000), uint64(0xAAAAAAAAAAAAAAAA), []byte(nil))
	f.Fuzz(func(t *testing.T, kind uint8, text string, n, micros int64, nulls uint64, binary []byte) {
		text = strings.ToValidUTF8(text, "")
		e := []source.Entity{source.Interaction, source.Attachment, source.Contact}[kind%3]
		r := source.Record{}
		for i, f := range source.Fields(e) {
			v := source.Value{Null: nulls>>(i%64)&1 == 1, Int: n}
			switch f.Kind {
			case source.Instant:
				v.Int = micros + int64(i)*int64(kind)
			case source.Text:
				v.Bytes = []byte(text[:len(text)*(i%3)/2])
				v.Bytes = bytes.ToValidUTF8(v.Bytes, nil)
			case source.JSON:
				v.Bytes = []byte(`{"k":` + slowString(text) + `}`)
			case source.Binary:
				v.Bytes = binary
			}
			r.Values = append(r.Values, v)
		}
		for i := range int(kind) % 4 {
			a := source.Attribute{Name: text, Value: strings.Repeat(text, i), Primary: i == 1}
			if i > 1 {
				a.Description = &text
			}
			r.Attributes = append(r.Attributes, a)
		}
		enc := newEncoder(e)
		first := enc.append(nil, &r)
		if want := slowLine(e, &r); !bytes.Equal(first, want) {
			t.Fatalf("got  %.500s\nwant %.500s", first, want)
		}
		if again := enc.append(nil, &r); !bytes.Equal(first, again) {
			t.Fatalf("then %.500s\nnow  %.500s", first, again)
		}
		if !json.Valid(first) || bytes.Count(first, []byte{'\n'}) != 1 {
			t.Fatalf("not one JSON line: %q", first)
		}
	})
}

func TestEncodingAllocatesNothing(t *testing.T) {
	p := newPool(20)
	for e, records := range p.records {
		enc, b, i := newEncoder(e), make([]byte, 0, 1<<16), 0
		if n := testing.AllocsPerRun(1000, func() {
			b = enc.append(b[:0], &records[i%len(records)])
			i++
		}); n != 0 {
			t.Errorf("%s: %v allocations for a record", e, n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for e, records := range newPool(500).records {
		b.Run(string(e), func(b *testing.B) {
			enc, line, i, size := newEncoder(e), make([]byte, 0, 1<<16), 0, 0
			b.ReportAllocs()
			for b.Loop() {
				line = enc.append(line[:0], &records[i%len(records)])
				i++
				size += len(line)
			}
			b.SetBytes(int64(size / i))
		})
	}
}
