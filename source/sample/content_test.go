package sample_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"cdds"
	"cdds/source"
	"cdds/source/sample"
	"cdds/source/sqlite"
)

// checkReferences asks for records that point to nothing or to the wrong thing.
// Every query must find none.
func checkReferences(t *testing.T, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"attributes without a contact":      `SELECT count(*) FROM contact_attribute WHERE contactid NOT IN (SELECT id FROM contact)`,
		"merged into nobody":                `SELECT count(*) FROM contact WHERE mergeid NOT IN (SELECT id FROM contact WHERE mergeid IS NULL)`,
		"contacts without a mail address":   `SELECT count(*) FROM contact WHERE id NOT IN (SELECT contactid FROM contact_attribute WHERE name = 'EmailAddress' AND isprimary = 1)`,
		"several primary values":            `SELECT count(*) FROM (SELECT 1 FROM contact_attribute WHERE isprimary = 1 GROUP BY contactid, name HAVING count(*) > 1)`,
		"modified before created":           `SELECT count(*) FROM contact WHERE modifieddate < createddate`,
		"interactions of nobody":            `SELECT count(*) FROM interaction WHERE contactid NOT IN (SELECT id FROM contact)`,
		"older than their contact":          `SELECT count(*) FROM interaction i JOIN contact c ON c.id = i.contactid WHERE i.startdate < c.createddate`,
		"replies to nothing":                `SELECT count(*) FROM interaction WHERE parentid NOT IN (SELECT id FROM interaction)`,
		"replies in another thread":         `SELECT count(*) FROM interaction i JOIN interaction p ON p.id = i.parentid WHERE p.threadid <> i.threadid OR p.threadhash <> i.threadhash OR p.contactid IS NOT i.contactid`,
		"replies before the question":       `SELECT count(*) FROM interaction i JOIN interaction p ON p.id = i.parentid WHERE p.startdate > i.startdate`,
		"ends before it starts":             `SELECT count(*) FROM interaction WHERE enddate < startdate OR modifieddate < startdate`,
		"stopped without an end":            `SELECT count(*) FROM interaction WHERE (status = 3) <> (enddate IS NOT NULL) OR (status = 3) <> (stoppedreason IS NOT NULL)`,
		"mails without addresses":           `SELECT count(*) FROM interaction WHERE (entitytypeid IN (0, 1)) <> (id IN (SELECT interactionid FROM interaction_email))`,
		"chats without a chat":              `SELECT count(*) FROM interaction WHERE (entitytypeid = 2) <> (id IN (SELECT interactionid FROM interaction_chat))`,
		"calls without a call":              `SELECT count(*) FROM interaction WHERE (entitytypeid = 3) <> (id IN (SELECT interactionid FROM interaction_phonecall))`,
		"callbacks without a callback":      `SELECT count(*) FROM interaction WHERE (entitytypeid = 5) <> (id IN (SELECT interactionid FROM interaction_callback))`,
		"attachments of something else":     `SELECT count(*) FROM attachment WHERE entityid NOT IN (SELECT interactionid FROM interaction_email)`,
		"attachments of a wrong size":       `SELECT count(*) FROM attachment WHERE thesize <> length(content) OR thesize NOT BETWEEN 512 AND 61440`,
		"more than three attachments":       `SELECT count(*) FROM (SELECT 1 FROM attachment GROUP BY entityid HAVING count(*) > 3)`,
		"records of another tenant":         `SELECT (SELECT count(*) FROM interaction WHERE tenantid <> 42) + (SELECT count(*) FROM contact WHERE tenantid <> 42) + (SELECT count(*) FROM attachment WHERE tenantid <> 42)`,
		"outside the two years":             `SELECT count(*) FROM interaction WHERE startdate < '2024-05-31' OR startdate >= '2026-05-31' OR enddate >= '2026-05-31' OR modifieddate >= '2026-05-31'`,
		"instants that are not microsecond": `SELECT count(*) FROM interaction WHERE length(startdate) <> 27 OR startdate NOT LIKE '____-__-__T__:__:__.______Z'`,
	} {
		if n := number(t, db, query); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
	if n := number(t, db, `SELECT count(*) FROM pragma_foreign_key_check`); n != 0 {
		t.Errorf("%d foreign keys point to nothing", n)
	}
}

// checkFields makes sure that each field that can be exported has a value
// somewhere.
func checkFields(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, entity := range []source.Entity{source.Interaction, source.Attachment, source.Contact} {
		for _, field := range source.Fields(entity) {
			if number(t, db, "SELECT count("+field.Column+") FROM "+field.Table) == 0 {
				t.Errorf("%s.%s is empty in all rows", field.Table, field.Column)
			}
		}
	}
}

// checkSource reads all records as an export does.
func checkSource(t *testing.T, s sample.Summary, path string) {
	t.Helper()
	src, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	media, err := src.MediaTypes(t.Context(), options().TenantID)
	if err != nil || len(media) != len(s.MediaTypes) {
		t.Errorf("the source finds the media types %v, the summary says %v: %v", media, s.MediaTypes, err)
	}
	findings, err := src.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		if !finding.OK {
			t.Errorf("%s: %s", finding.What, finding.Detail)
		}
	}
	snapshot, err := src.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	attributes := 0
	for entity, want := range map[source.Entity]int{source.Interaction: s.Interactions, source.Attachment: s.Attachments, source.Contact: s.Contacts} {
		// A contact may have been entered before the history begins.
		q := source.Query{Entity: entity, TenantID: options().TenantID, By: cdds.ByStartDate, Window: cdds.Window{End: s.End}}
		n, err := snapshot.Read(t.Context(), q, source.Range{}, func(r *source.Record) error {
			attributes += len(r.Attributes)
			return nil
		})
		if err != nil || n != want {
			t.Errorf("%s: %d of %d records can be read: %v", entity, n, want, err)
		}
	}
	if attributes != s.Attributes {
		t.Errorf("%d of %d attributes can be read", attributes, s.Attributes)
	}
}

// checkKinds makes sure that each kind of thing that a demo shows is there.
func checkKinds(t *testing.T, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"eight media types":      `SELECT count(DISTINCT mediatypeid) >= 8 FROM interaction`,
		"seven languages":        `SELECT count(DISTINCT lang) >= 7 FROM interaction`,
		"all states":             `SELECT count(DISTINCT status) = 4 FROM interaction`,
		"three directions":       `SELECT count(DISTINCT typeid) = 3 FROM interaction`,
		"threads of three":       `SELECT count(*) > 0 FROM (SELECT 1 FROM interaction GROUP BY threadid HAVING count(*) >= 3)`,
		"interactions of nobody": `SELECT count(*) > 0 FROM interaction WHERE contactid IS NULL`,
		"merged contacts":        `SELECT count(*) > 0 FROM contact WHERE mergeid IS NOT NULL`,
		"contacts as they were":  `SELECT count(*) > 0 FROM contact WHERE modifieddate IS NULL`,
		"several phone numbers":  `SELECT count(*) > 0 FROM contact_attribute WHERE name = 'PhoneNumber' AND isprimary = 0`,
		"common attributes":      `SELECT count(DISTINCT name) = 8 FROM contact_attribute WHERE name IN ('Title', 'FirstName', 'LastName', 'EmailAddress', 'PhoneNumber', 'CustomerSegment', 'AccountNumber', 'PIN')`,
		"three kinds of files":   `SELECT count(DISTINCT mimetype) = 3 FROM attachment`,
		"whole seconds":          `SELECT count(*) > 0 FROM interaction WHERE startdate LIKE '%.000000Z'`,
		"microseconds":           `SELECT count(*) > 0 FROM interaction WHERE startdate NOT LIKE '%000Z'`,
		"quiet Sundays":          `SELECT sum(strftime('%w', startdate) = '0') * 3 < sum(strftime('%w', startdate) = '1') FROM interaction`,
		"quiet nights":           `SELECT sum(substr(startdate, 12, 2) IN ('01', '02', '03')) * 10 < sum(substr(startdate, 12, 2) IN ('09', '10', '11')) FROM interaction`,
	} {
		if number(t, db, query) != 1 {
			t.Errorf("there are no %s", what)
		}
	}
	for what, sign := range map[string]string{"German": "ß", "Japanese": "の", "Arabic": "ال", "Hebrew": "של", "emoji": "👍", "joined emoji": "\u200d"} {
		if number(t, db, `SELECT count(*) FROM interaction WHERE instr(coalesce(text, '') || coalesce(structuredtext, ''), $1) > 0`, sign) == 0 {
			t.Errorf("there is no %s text", what)
		}
	}
}

// checkNestedText parses what is a format of its own inside a field.
func checkNestedText(t *testing.T, db *sql.DB) {
	t.Helper()
	each(t, db, `SELECT allattributes FROM interaction`, func(text []byte) error {
		return json.Unmarshal(text, &map[string]any{})
	})
	each(t, db, `SELECT structuredtext FROM interaction WHERE structtextmimetype = 'text/xml'`, func(text []byte) error {
		if !bytes.HasPrefix(text, []byte("<chatTranscript ")) {
			return errors.New("it is no transcript")
		}
		return wellFormed(text)
	})
	each(t, db, `SELECT structuredtext FROM interaction WHERE structtextmimetype LIKE 'text/html%'`, func(text []byte) error {
		return wellFormed(bytes.ReplaceAll(text, []byte("<br>"), []byte("<br/>")))
	})
	each(t, db, `SELECT content FROM attachment WHERE mimetype = 'image/png'`, func(content []byte) error {
		_, err := png.Decode(bytes.NewReader(content))
		return err
	})
	each(t, db, `SELECT content FROM attachment WHERE mimetype = 'application/pdf'`, pdf)
	each(t, db, `SELECT sentdate FROM interaction_email`, func(text []byte) error {
		_, err := time.Parse("2006-01-02T15:04:05.000000Z", string(text))
		return err
	})
}

// each calls check for every value of a query, of which there must be some.
func each(t *testing.T, db *sql.DB, query string, check func([]byte) error) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var value []byte
		if err := rows.Scan(&value); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if err := check(value); err != nil {
			t.Errorf("%s: %v in %.300q", query, err, value)
		}
	}
	if err := rows.Err(); err != nil || n == 0 {
		t.Errorf("%s: %d values, %v", query, n, err)
	}
}

// wellFormed reads XML to its end.
func wellFormed(text []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// pdf makes sure that every entry of the table of a PDF leads to its object.
func pdf(content []byte) error {
	text := string(content)
	_, tail, found := strings.Cut(text, "\nstartxref\n")
	if !found {
		return errors.New("it has no startxref")
	}
	var start int
	if err := json.Unmarshal([]byte(strings.SplitN(tail, "\n", 2)[0]), &start); err != nil {
		return err
	}
	lines := strings.Split(text[start:], "\n")
	for i, line := range lines[3:] {
		place, rest, found := strings.Cut(line, " 00000 n")
		if !found {
			break
		}
		var offset int
		if err := json.Unmarshal([]byte(strings.TrimLeft(place, "0")), &offset); err != nil || rest != " " {
			return errors.New("its table is malformed")
		}
		if want := string(rune('1'+i)) + " 0 obj"; i < 9 && !strings.HasPrefix(text[offset:], want) {
			return errors.New("its table does not lead to object " + want)
		}
	}
	return nil
}
