package sourcetest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"cdds/source"
)

// The tenants of the history, each for a purpose. Another's records among a
// tenant's are a failure.
const (
	tenantPatterns = 101 // which values are null, sizes, attributes
	tenantPages    = 102 // keys that are hard to order
	tenantTexts    = 202 // texts that are hard to carry
	tenantInstants = 303 // instants far away and close together
	tenantEmpty    = 404 // nothing
	tenantLater    = 505 // what a test writes
)

// base is the instant around which most records lie.
func base() time.Time { return time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC) }

// builder collects the rows of a history.
type builder struct {
	tables []Table
	n      int // records made, for values that differ
}

// History returns the tables of the reference schema with the rows of the
// hand-made history. It is the same each time.
func History() []Table {
	b := &builder{tables: emptyTables()}
	b.contacts()
	b.patterns()
	b.sameStart()
	b.attachments()
	b.texts()
	b.longContents()
	b.instants()
	return b.tables
}

func (b *builder) table(name string) *Table {
	for i := range b.tables {
		if b.tables[i].Reference == name {
			return &b.tables[i]
		}
	}
	return &Table{}
}

func (b *builder) add(table string, r Row) {
	t := b.table(table)
	t.Rows = append(t.Rows, r)
}

// full returns a row in which each column has a value of its own.
func (b *builder) full(table, id string) Row {
	b.n++
	r := Row{}
	t := b.table(table)
	for i, c := range t.Columns {
		var v any
		switch c.Kind {
		case source.Text:
			v = fmt.Sprintf("%s-%d", t.columns[i], b.n)
		case source.Int:
			v = int64(b.n*31 + i)
		case source.Bool:
			v = (b.n+i)%2 == 0
		case source.Instant:
			v = base().Add(time.Duration(b.n)*time.Hour + time.Duration(i)*time.Microsecond)
		case source.JSON:
			v = json.RawMessage(fmt.Sprintf(`{"n":%d,"list":[1,2.50,"x",null,true],"deep":{"a":{}}}`, b.n))
		case source.Binary:
			v = []byte{byte(b.n), 0, 255}
		}
		r[t.columns[i]] = v
	}
	switch table {
	case "interaction":
		r["id"], r["tenantid"], r["mediatypeid"] = id, int64(tenantPatterns), []string{"chat", "email", "voice"}[b.n%3]
		r["entitytypeid"], r["status"] = int64(b.n%8), int64(b.n%4)
	case "attachment", "contact":
		r["id"], r["tenantid"] = id, int64(tenantPatterns)
	default:
		r["interactionid"], r["status"], r["result"] = id, int64(b.n%4), int64(b.n%10)
	}
	return r
}

// optional are the columns of a table that may be null.
func (b *builder) optional(table string) []string {
	var out []string
	t := b.table(table)
	for i, c := range t.Columns {
		if !c.Required {
			out = append(out, t.columns[i])
		}
	}
	return out
}

// patterns adds, for each column that may be null, one record in which it alone
// is null and one in which it alone is not, and one each with all and none; the
// same for the tables of each kind.
func (b *builder) patterns() {
	for i, r := range b.nullPatterns("interaction", func(i int) string { return fmt.Sprintf("p%03d", i) }) {
		if i%7 == 0 {
			r["mediatypeid"] = "what's app é"
		}
		b.add("interaction", r)
	}
	for _, kind := range []string{"email", "chat", "phonecall", "callback"} {
		id := func(i int) string { return fmt.Sprintf("%s%03d", kind, i) }
		for i, r := range b.nullPatterns("interaction_"+kind, id) {
			b.add("interaction", b.full("interaction", id(i)))
			b.add("interaction_"+kind, r)
		}
	}
}

func (b *builder) nullPatterns(table string, id func(int) string) []Row {
	optional := b.optional(table)
	var rows []Row
	add := func(isNull func(column string) bool) {
		r := b.full(table, id(len(rows)))
		for _, column := range optional {
			if isNull(column) {
				delete(r, column)
			}
		}
		rows = append(rows, r)
	}
	add(func(string) bool { return false })
	add(func(string) bool { return true })
	for _, column := range optional {
		add(func(c string) bool { return c == column })
		add(func(c string) bool { return c != column })
	}
	return rows
}

// sameStart adds interactions that began at the same instant, whose ids sort
// differently in most languages than their bytes do.
func (b *builder) sameStart() {
	for _, id := range hardIDs() {
		r := b.full("interaction", "s"+id)
		r["tenantid"], r["startdate"] = int64(tenantPages), base().Add(-time.Hour)
		b.add("interaction", r)
	}
}

// hardIDs are ids in no order.
func hardIDs() []string {
	return []string{"b", "A", "a", "B", "Z", "_", "-", "a-b", "ab", "aB", "Ab", "a_b", "10", "9", "é", "e", "f", "ß", "ss", "st", "Ä", "ÿ", "zz", "日本", "😀"}
}

// attachments adds documents of several interactions: none, one and many, of no
// byte, of each byte, and of a megabyte.
func (b *builder) attachments() {
	each := make([]byte, 256)
	for i := range each {
		each[i] = byte(i)
	}
	for i, r := range b.nullPatterns("attachment", func(i int) string { return fmt.Sprintf("d%03d", i) }) {
		r["entityid"] = []string{"p000", "p001", "chat001"}[i%3]
		b.add("attachment", r)
	}
	for i, id := range hardIDs() {
		r := b.full("attachment", "d"+id)
		r["tenantid"], r["entityid"], r["content"] = int64(tenantPages), []string{"sB", "sZ", "s_", "sB"}[i%4], each
		b.add("attachment", r)
	}
	for i, content := range [][]byte{{}, bytes.Repeat(each, 4096)} {
		r := b.full("attachment", fmt.Sprintf("size%d", i))
		r["entityid"], r["content"], r["thesize"] = "email000", content, int64(len(content))
		b.add("attachment", r)
	}
}

// longContents adds attachments around and above the length that comes in
// pieces, in a row and between short ones: some that a database can compress,
// some that it cannot.
func (b *builder) longContents() {
	noise := make([]byte, 3*source.MaxContent+1)
	random := rand.NewChaCha8([32]byte{1})
	for i := 0; i+8 <= len(noise); i += 8 {
		binary.LittleEndian.PutUint64(noise[i:], random.Uint64())
	}
	for i, content := range [][]byte{
		{1}, bytes.Repeat([]byte{2}, source.MaxContent), bytes.Repeat([]byte{3}, source.MaxContent+1), {4},
		noise, noise[1:], bytes.Repeat([]byte("text "), source.MaxContent), {}, noise[:source.MaxContent+2],
	} {
		b.add("attachment", Row{"id": fmt.Sprintf("long%d", i), "entityid": "t001", "tenantid": int64(tenantTexts), "thename": "n",
			"thesize": int64(len(content)), "content": content})
	}
	r := b.full("attachment", "dlong")
	r["tenantid"], r["entityid"], r["content"] = int64(tenantPages), "sB", noise[:source.MaxContent+1]
	b.add("attachment", r)
}

// contacts adds contacts with no, one and thousands of attributes, among them
// attributes that are told apart by their last columns only.
func (b *builder) contacts() {
	for i, r := range b.nullPatterns("contact", func(i int) string { return fmt.Sprintf("c%d", i) }) {
		b.add("contact", r)
		for j := range i {
			b.attribute(r["id"].(string), fmt.Sprintf("Name%d", j%3), fmt.Sprintf("value %d", 9-j), j == 1, "")
		}
	}
	for _, id := range hardIDs() {
		r := b.full("contact", "k"+id)
		r["tenantid"] = int64(tenantPages)
		b.add("contact", r)
		b.attribute("k"+id, "Title", id, true, "")
		for _, name := range hardIDs() {
			b.attribute("k"+id, name, "x", false, name)
		}
	}
	b.add("contact", b.full("contact", "many"))
	for i := range 3000 {
		b.attribute("many", fmt.Sprintf("Attribute%d", i*7%3000), strings.Repeat("v", i%50), i%2 == 0, "")
	}
	b.add("contact", b.full("contact", "twins"))
	for i := range 8 {
		b.attribute("twins", "Name", "value", i%2 == 0, []string{"", "b", "a", ""}[i%4])
	}
}

func (b *builder) attribute(contact, name, value string, primary bool, description string) {
	r := Row{"contactid": contact, "name": name, "value": value, "isprimary": primary}
	if description != "" {
		r["description"] = description
	}
	b.add("contact_attribute", r)
}

// texts adds hard texts in each place that holds any.
func (b *builder) texts() {
	for i, text := range hardTexts() {
		id := fmt.Sprintf("t%03d", i)
		encoded, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			encoded = []byte("{}") // a map of strings has a JSON form always
		}
		r := b.full("interaction", id)
		r["tenantid"], r["text"], r["thecomment"], r["subject"], r["allattributes"] = int64(tenantTexts), text, text, text, json.RawMessage(encoded)
		b.add("interaction", r)
		b.add("interaction_chat", Row{"interactionid": id, "nickname": text})
		b.add("attachment", Row{"id": id, "entityid": id, "tenantid": int64(tenantTexts), "thename": text, "thesize": int64(0), "content": []byte(text)})
		b.add("contact", Row{"id": id, "tenantid": int64(tenantTexts), "createddate": base(), "mergeid": text})
		b.attribute(id, text, text, false, text)
	}
}

// hardTexts are texts that are hard to carry. U+0000 is none of them: PostgreSQL
// has no place for it.
func hardTexts() []string {
	controls := ""
	for c := rune(1); c < 0x20; c++ {
		controls += string(c)
	}
	return []string{
		"", " ", "null", `"`, `\`, `\n`, "\n", "\r\n", "\t", controls + "\x7f\u0080\u009f",
		"a\u2028b\u2029c", "\ufeffmark", "trailing   ", `{"json": "in a text"}`, "$1 %s ' -- ;", "</script>&amp;<>",
		"Grüße, naïve façade", "e\u0301 is not é", "😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿", "שלום עולם", "مرحبا\u200f بالعالم", "日本語のテキスト", "한국어", "ไทย", "\U0010ffff\ufffe",
		strings.Repeat("long 😀 text\n", 200_000),
	}
}

// instants adds interactions and contacts at instants that are hard to carry,
// or one microsecond apart.
func (b *builder) instants() {
	far := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC), time.Date(1900, 2, 28, 23, 59, 59, 999999000, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Unix(0, 0).UTC(), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	}
	for _, fraction := range []int{0, 1, 10, 100_000, 123_456, 999_999} {
		far = append(far, base().Add(time.Duration(fraction)*time.Microsecond))
	}
	for i, at := range far {
		id := fmt.Sprintf("w%03d", len(far)-i) // the order of ids is not that of time
		r := b.full("interaction", id)
		r["tenantid"], r["startdate"], r["modifieddate"], r["enddate"] = int64(tenantInstants), at, at.Add(time.Hour), at
		switch i % 3 {
		case 0:
			delete(r, "modifieddate")
		case 1:
			r["modifieddate"] = at
		}
		if at.Year() == 9999 {
			delete(r, "modifieddate")
		}
		b.add("interaction", r)
		c := Row{"id": id, "tenantid": int64(tenantInstants), "createddate": at}
		if i%2 == 0 {
			c["modifieddate"] = base().Add(time.Duration(i) * time.Minute)
		}
		b.add("contact", c)
	}
}
