package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cdds/source"
)

// TestRealDataIsExportedExactly exports the real conversations from PostgreSQL
// through the API, opens the artifacts with openssl and unzip, and compares
// every field of every record with an independent query.
func TestRealDataIsExportedExactly(t *testing.T) {
	t.Parallel()
	dsn := servers.RealData(t, "../..")
	data, out := demo(t, "--interactions", "10", "--contacts", "5")
	s := serve(t, "--data", data, "--source", dsn)
	c := s.signIn(t, out.Username, out.Password)
	db, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer db.Close(context.Background())
	judge := &judge{db: db, known: map[string]string{}}

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

// judge lets PostgreSQL itself compare: exported lines are loaded as jsonb, in
// which the order of keys does not count, and compared with what an independent
// query builds.
type judge struct {
	db    *pgx.Conn
	known map[string]string // tables of what queries gave, by query
}

// records returns a table with the hash of each record that a query builds.
func (j *judge) records(t testing.TB, query string) string {
	t.Helper()
	table, ok := j.known[query]
	if !ok {
		table = fmt.Sprintf("wanted_%d", len(j.known))
		j.known[query] = table
		_, err := j.db.Exec(t.Context(), fmt.Sprintf("create temp table %s as select md5(record::jsonb::text) hash from (%s) q(record)", table, query))
		must(t, err)
	}
	return table
}

// compare compares exported lines, each of which fits the schema, with a
// query's records as multisets.
func (j *judge) compare(t testing.TB, kind, query, pattern string) {
	t.Helper()
	validate(t, kind, pattern)
	wanted := j.records(t, query)
	_, err := j.db.Exec(t.Context(), "drop table if exists exported; create temp table exported (record jsonb)")
	must(t, err)
	files, err := filepath.Glob(pattern)
	must(t, err)
	for _, path := range files {
		file, err := os.Open(path)
		must(t, err)
		// No line of JSON holds an unescaped 0x01 or 0x02.
		_, err = j.db.PgConn().CopyFrom(t.Context(), file, `copy exported from stdin with (format csv, quote e'\x01', delimiter e'\x02')`)
		must(t, err)
		must(t, file.Close())
	}
	var lines, records, extra, missing int
	must(t, j.db.QueryRow(t.Context(), fmt.Sprintf(`with exported as (select md5(record::text) hash from exported)
		select (select count(*) from exported), (select count(*) from %[1]s),
			(select count(*) from (select hash from exported except all select hash from %[1]s) x),
			(select count(*) from (select hash from %[1]s except all select hash from exported) x)`, wanted)).Scan(&lines, &records, &extra, &missing))
	if lines != records || records == 0 || extra != 0 || missing != 0 {
		t.Fatalf("%d records of kind %s exported, %d in the database: %d are not there, %d are missing", lines, kind, records, extra, missing)
	}
	t.Logf("%d records of kind %s are equal in every field", records, kind)
}

// validate checks lines against the schema of their kind. The validator is slow,
// so it sees one of twenty; the export package's tests show it every line.
func validate(t testing.TB, kind, pattern string) {
	t.Helper()
	rule := compileSchema(t, kind)
	eachLine(t, pattern, func(n int, line []byte) {
		if n%20 != 0 {
			return
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		must(t, err)
		must(t, rule.Validate(value))
	})
}

// eachLine reads the lines of all files.
func eachLine(t testing.TB, pattern string, do func(n int, line []byte)) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	must(t, err)
	n := 0
	for _, path := range files {
		file, err := os.Open(path)
		must(t, err)
		lines := bufio.NewReaderSize(file, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) == 0 {
				break
			}
			must(t, err) // a last line without its end is an error
			do(n, line)
			n++
		}
		must(t, file.Close())
	}
}

func compileSchema(t testing.TB, kind string) *jsonschema.Schema {
	t.Helper()
	text, ok := source.Schema(kind)
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
