package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cdds/export/schema"
)

// TestRealDataIsExportedExactly exports the real conversations from PostgreSQL
// through the API, opens the artifacts with openssl and unzip, and compares
// every field of every record with an independent query.
func TestRealDataIsExportedExactly(t *testing.T) {
	dsn := servers.RealData(t, "../..")
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data, "--source", dsn)
	c := s.signIn(t, out.Username, out.Password)
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(context.Background())
	judge := &judge{db: db, known: map[string]digests{}}

	window := object{"kind": "fixed", "start": "2002-07-01T00:00:00Z", "end": "2002-10-04T12:00:00Z", "by": "startDate"}
	for _, test := range []struct {
		name    string
		job     object
		where   string // the same choice in SQL
		contact bool
		parts   bool
		form    string
	}{
		{name: "all", where: "true", form: "der"},
		{name: "all, split into 1 MiB", job: object{"splitSize": 1 << 20}, where: "true", parts: true, form: "der"},
		{name: "a window", job: object{"timeframe": window}, where: "i.startdate >= '2002-07-01Z' and i.startdate < '2002-10-04 12:00Z'", form: "smime"},
		{name: "two media types", job: object{"mediaTypes": []string{"email", "voice"}}, where: "i.mediatypeid in ('email', 'voice')", form: "der"},
		{name: "contacts", job: object{"type": "contact"}, where: "true", contact: true, form: "smime"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := *c
			c.t = t
			started := time.Now()
			r := finished(t, c.export(test.job))
			t.Logf("%d records, %d bytes of JSON Lines in %s", r.Progress.Records, r.Progress.Bytes, time.Since(started).Round(time.Millisecond))
			dir := t.TempDir()
			files := c.artifacts(r.ID)
			if test.parts != (len(files) > 1) {
				t.Fatalf("%d artifacts", len(files))
			}
			for _, a := range files {
				if test.parts && a.Size > 1<<20 {
					t.Errorf("%s has %d bytes", a.Name, a.Size)
				}
				openArtifact(t, c.download(a, test.form, dir), out.Key, dir)
			}
			if test.contact {
				judge.compare(t, "contact", contactQuery(test.where), filepath.Join(dir, "Contact-*.json"))
				return
			}
			judge.compare(t, "interaction", interactionQuery(test.where), filepath.Join(dir, "Interaction-[0-9a-f]*.json"))
			judge.compare(t, "attachment", attachmentQuery(test.where), filepath.Join(dir, "Interaction-Attachment-*.json"))
		})
	}
}

// openArtifact decrypts an artifact with the openssl command of its form, and unzips
// it into the folder.
func openArtifact(t testing.TB, path, key, dir string) {
	t.Helper()
	zip := path + ".zip"
	if strings.HasSuffix(path, ".smime") {
		tool(t, "openssl", "smime", "-decrypt", "-binary", "-in", path, "-inkey", key, "-out", zip)
	} else {
		tool(t, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", path, "-inkey", key, "-out", zip)
	}
	tool(t, "unzip", "-q", "-n", zip, "-d", dir)
	must(t, os.Remove(zip))
}

// digests counts records by the hash of their canonical form.
type digests map[[sha256.Size]byte]int

// add adds a record, whose keys are brought into one order.
func (d digests) add(t testing.TB, line []byte) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var record map[string]any
	if err := decoder.Decode(&record); err != nil {
		t.Fatalf("a line is no JSON object: %v", err)
	}
	canonical, err := json.Marshal(record)
	must(t, err)
	d[sha256.Sum256(canonical)]++
}

// judge knows what a query of the database gives, each of which it asks once.
type judge struct {
	db    *pgx.Conn
	known map[string]digests
}

// records returns the records that a query builds.
func (j *judge) records(t testing.TB, query string) digests {
	t.Helper()
	if known, ok := j.known[query]; ok {
		return known
	}
	rows, err := j.db.Query(t.Context(), query)
	must(t, err)
	d := digests{}
	for rows.Next() {
		d.add(t, rows.RawValues()[0])
	}
	must(t, rows.Err())
	j.known[query] = d
	return d
}

// compare compares exported lines, each of which fits the schema, with a
// query's rows as multisets.
func (j *judge) compare(t testing.TB, kind, query, pattern string) {
	t.Helper()
	equalRecords(t, kind, exported(t, kind, pattern), j.records(t, query))
}

// equalRecords fails the test unless both multisets are equal.
func equalRecords(t testing.TB, kind string, got, want digests) {
	t.Helper()
	for sum, n := range got {
		if want[sum] != n {
			t.Fatalf("a record of kind %s was exported %d times and is %d times in the database", kind, n, want[sum])
		}
	}
	if got.total() != want.total() || want.total() == 0 {
		t.Fatalf("%d records of kind %s exported, %d in the database", got.total(), kind, want.total())
	}
	t.Logf("%d records of kind %s are equal in every field", got.total(), kind)
}

// total is the number of records.
func (d digests) total() int {
	n := 0
	for _, k := range d {
		n += k
	}
	return n
}

// exported reads the lines of all files, and checks each against the schema of
// its kind.
func exported(t testing.TB, kind, pattern string) digests {
	t.Helper()
	files, err := filepath.Glob(pattern)
	must(t, err)
	rule := compileSchema(t, kind)
	got := digests{}
	for _, path := range files {
		file, err := os.Open(path)
		must(t, err)
		lines := bufio.NewReaderSize(file, 1<<20)
		for n := 0; ; n++ {
			line, err := lines.ReadBytes('\n')
			if len(line) == 0 {
				break
			}
			must(t, err) // a last line without its end is an error
			got.add(t, line)
			if n%20 == 0 { // the validator is slow; the export package checks every line
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
				must(t, err)
				must(t, rule.Validate(value))
			}
		}
		must(t, file.Close())
	}
	return got
}

func compileSchema(t testing.TB, kind string) *jsonschema.Schema {
	t.Helper()
	text, ok := schema.Get(kind)
	if !ok {
		t.Fatalf("no schema %s", kind)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("mem:"+kind, value))
	compiled, err := compiler.Compile("mem:" + kind)
	must(t, err)
	return compiled
}

// at is the exported form of an instant, by PostgreSQL's own means.
func at(column string) string {
	return fmt.Sprintf(`regexp_replace(to_char(%s at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?0+$', '') || 'Z'`, column)
}

// interactionQuery builds the records in PostgreSQL, by hand and apart from
// the product's own field list.
func interactionQuery(where string) string {
	return `select (to_jsonb(r) || jsonb_build_object(
		'email', (select jsonb_build_object('fromAddress', fromaddress, 'toAddresses', toaddresses, 'ccAddresses', ccaddresses, 'bccAddresses', bccaddresses,
			'replyToAddress', replytoaddress, 'mailbox', mailbox, 'sentDate', ` + at("sentdate") + `) from interaction_email where interactionid = r."ixnId"),
		'chat', (select jsonb_build_object('establishedDate', ` + at("establisheddate") + `, 'releasedDate', ` + at("releaseddate") + `, 'nickName', nickname)
			from interaction_chat where interactionid = r."ixnId"),
		'phoneCall', (select jsonb_build_object('phoneNumber', phonenumber, 'duration', duration, 'outcome', outcome, 'connectionId', connectionid)
			from interaction_phonecall where interactionid = r."ixnId"),
		'callback', (select jsonb_build_object('customerNumber', customernumber, 'callbackType', callbacktype, 'desiredResponseType', desiredresponsetype,
			'status', status, 'startTime', ` + at("starttime") + `, 'endTime', ` + at("endtime") + `, 'attempts', attempts, 'result', result)
			from interaction_callback where interactionid = r."ixnId")))::text
	from (select id "ixnId", tenantid "tenantId", contactid "contactId", parentid "parentId", threadid "threadId", threadhash "threadHash",
		externalid "externalId", entitytypeid "entityTypeId", mediatypeid "mediaTypeId", typeid "typeId", subtypeid "subtypeId", status,
		stoppedreason "stoppedReason", ` + at("startdate") + ` "startDate", ` + at("modifieddate") + ` "modifiedDate", ` + at("enddate") + ` "endDate",
		timeshift "timeShift", subject, text, structuredtext "structuredText", structtextmimetype "structTextMimetype", thecomment "theComment", lang,
		ownerid "ownerId", creatorappid "creatorAppId", subtenantid "subtenantId", queuename "queueName", categoryid "categoryId",
		iscategoryapproved "isCategoryApproved", isspam "isSpam", websafeemailstatus "webSafeEmailStatus", canbeparent "canBeParent",
		strattribute1 "strAttribute1", strattribute2 "strAttribute2", strattribute3 "strAttribute3", strattribute4 "strAttribute4", strattribute5 "strAttribute5",
		strattribute6 "strAttribute6", strattribute7 "strAttribute7", strattribute8 "strAttribute8", strattribute9 "strAttribute9", strattribute10 "strAttribute10",
		intattribute1 "intAttribute1", intattribute2 "intAttribute2", intattribute3 "intAttribute3", intattribute4 "intAttribute4", intattribute5 "intAttribute5",
		allattributes "allAttributes" from interaction i where ` + where + `) r`
}

func attachmentQuery(where string) string {
	return `select jsonb_build_object('id', a.id, 'entityId', a.entityid, 'tenantId', a.tenantid, 'theName', a.thename, 'mimeType', a.mimetype,
		'theSize', a.thesize, 'description', a.description, 'createdDate', ` + at("a.createddate") + `,
		'content', replace(encode(a.content, 'base64'), E'\n', ''))::text
	from attachment a join interaction i on i.id = a.entityid where ` + where
}

func contactQuery(where string) string {
	return `select jsonb_build_object('contactId', c.id, 'tenantId', c.tenantid, 'createdDate', ` + at("c.createddate") + `,
		'modifiedDate', ` + at("c.modifieddate") + `, 'mergeId', c.mergeid, 'attributes', coalesce((
			select jsonb_agg(jsonb_build_object('name', name, 'value', value, 'primary', isprimary, 'description', description)
				order by name collate "C", value collate "C") from contact_attribute where contactid = c.id), '[]'))::text
	from contact c where ` + where
}
