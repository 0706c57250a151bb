package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestSampleIsExportedExactly does with the embedded sample in SQLite what
// TestRealDataIsExportedExactly does with PostgreSQL.
func TestSampleIsExportedExactly(t *testing.T) {
	t.Parallel()
	data, out := demo(t, "--interactions", "5000", "--contacts", "800")
	s := serve(t, "--data", data)
	c := s.signIn(t, out.Username, out.Password)
	db, err := sql.Open("sqlite", "file:"+out.Source+"?mode=ro")
	must(t, err)
	defer db.Close()

	for _, test := range []struct {
		name  string
		job   object
		where string
	}{
		{"all", nil, "1"},
		{"a window", object{"timeframe": object{"kind": "fixed", "start": "2025-02-01T00:00:00Z", "end": "2026-02-01T00:00:00Z", "by": "startDate"}},
			"i.startdate >= '2025-02-01T00:00:00.000000Z' and i.startdate < '2026-02-01T00:00:00.000000Z'"},
		{"two media types, split into 1 MiB", object{"mediaTypes": []string{"email", "chat"}, "splitSize": 1 << 20}, "i.mediatypeid in ('email', 'chat')"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := *c
			c.t = t
			r := finished(t, c.export(test.job))
			dir := t.TempDir()
			for i, a := range c.artifacts(r.ID) {
				openArtifact(t, c.download(a, []string{"der", "smime"}[i%2], dir), out.Key, dir)
			}
			equalRecords(t, "interaction", exported(t, "interaction", filepath.Join(dir, "Interaction-[0-9a-f]*.json")), sqliteRecords(t, db, sqliteInteractions(test.where)))
			equalRecords(t, "attachment", exported(t, "attachment", filepath.Join(dir, "Interaction-Attachment-*.json")), sqliteAttachments(t, db, test.where))
		})
	}
	t.Run("contacts", func(t *testing.T) {
		c := *c
		c.t = t
		r := finished(t, c.export(object{"type": "contact"}))
		dir := t.TempDir()
		for _, a := range c.artifacts(r.ID) {
			openArtifact(t, c.download(a, "der", dir), out.Key, dir)
		}
		equalRecords(t, "contact", exported(t, "contact", filepath.Join(dir, "Contact-*.json")), sqliteRecords(t, db, `
			select json_object('contactId', id, 'tenantId', tenantid, 'createdDate', `+exactInstant("createddate")+`, 'modifiedDate', `+exactInstant("modifieddate")+`, 'mergeId', mergeid,
				'attributes', json(coalesce((select json_group_array(json_object('name', name, 'value', value, 'primary', json(iif(isprimary, 'true', 'false')), 'description', description))
				from (select * from contact_attribute a where a.contactid = c.id order by name, value)), '[]'))) from contact c`))
	})
}

// sqliteRecords returns the records that a query builds: each column is a JSON
// object, and a row's objects together are the record.
func sqliteRecords(t testing.TB, db *sql.DB, query string) digests {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	must(t, err)
	cells, into := make([]string, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	d := digests{}
	for rows.Next() {
		must(t, rows.Scan(into...))
		// The objects are joined as text: "{a}", "{b}" make "{a,b}".
		d.add(t, []byte(strings.ReplaceAll(strings.Join(cells, "\x00"), "}\x00{", ",")))
	}
	must(t, rows.Err())
	return d
}

// sqliteInteractions builds the records in SQLite.
func sqliteInteractions(where string) string {
	at := func(key, column string) string { return "'" + key + "', " + exactInstant(column) }
	flag := func(key, column string) string {
		return "'" + key + "', json(case " + column + " when 1 then 'true' when 0 then 'false' else 'null' end)"
	}
	pairs := []string{"'ixnId', i.id", "'tenantId', tenantid", "'contactId', contactid", "'parentId', parentid", "'threadId', threadid", "'threadHash', threadhash",
		"'externalId', externalid", "'entityTypeId', entitytypeid", "'mediaTypeId', mediatypeid", "'typeId', typeid", "'subtypeId', subtypeid", "'status', i.status",
		"'stoppedReason', stoppedreason", at("startDate", "startdate"), at("modifiedDate", "modifieddate"), at("endDate", "enddate"), "'timeShift', timeshift",
		"'subject', subject", "'text', i.text", "'structuredText', structuredtext", "'structTextMimetype', structtextmimetype", "'theComment', thecomment", "'lang', lang",
		"'ownerId', ownerid", "'creatorAppId', creatorappid", "'subtenantId', subtenantid", "'queueName', queuename", "'categoryId', categoryid",
		flag("isCategoryApproved", "iscategoryapproved"), flag("isSpam", "isspam"), "'webSafeEmailStatus', websafeemailstatus", flag("canBeParent", "canbeparent"),
		"'allAttributes', json(allattributes)"}
	for _, n := range strings.Fields("1 2 3 4 5 6 7 8 9 10") {
		pairs = append(pairs, "'strAttribute"+n+"', strattribute"+n)
	}
	for _, n := range strings.Fields("1 2 3 4 5") {
		pairs = append(pairs, "'intAttribute"+n+"', intattribute"+n)
	}
	group := func(key, table, columns string) string {
		return "'" + key + "', json((select json_object(" + columns + ") from " + table + " where interactionid = i.id))"
	}
	groups := []string{
		group("email", "interaction_email", "'fromAddress', fromaddress, 'toAddresses', toaddresses, 'ccAddresses', ccaddresses, 'bccAddresses', bccaddresses, 'replyToAddress', replytoaddress, 'mailbox', mailbox, "+at("sentDate", "sentdate")),
		group("chat", "interaction_chat", at("establishedDate", "establisheddate")+", "+at("releasedDate", "releaseddate")+", 'nickName', nickname"),
		group("phoneCall", "interaction_phonecall", "'phoneNumber', phonenumber, 'duration', duration, 'outcome', outcome, 'connectionId', connectionid"),
		group("callback", "interaction_callback", "'customerNumber', customernumber, 'callbackType', callbacktype, 'desiredResponseType', desiredresponsetype, 'status', status, "+
			at("startTime", "starttime")+", "+at("endTime", "endtime")+", 'attempts', attempts, 'result', result"),
	}
	// A function takes 127 arguments at most, so there are two objects.
	return "select json_object(" + strings.Join(groups, ", ") + "), json_object(" + strings.Join(pairs, ", ") + ") from interaction i where " + where
}

// exactInstant drops the zeros at the end of the fraction, and the point where
// there is no fraction.
func exactInstant(column string) string {
	return "iif(substr(" + column + ", 20) = '.000000Z', substr(" + column + ", 1, 19) || 'Z', rtrim(substr(" + column + ", 1, 26), '0') || 'Z')"
}

// sqliteAttachments builds the attachments' records; base64 is made here, since
// SQLite has none.
func sqliteAttachments(t testing.TB, db *sql.DB, where string) digests {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `select json_object('id', a.id, 'entityId', entityid, 'tenantId', a.tenantid, 'theName', thename, 'mimeType', mimetype,
		'theSize', thesize, 'description', description, 'createdDate', `+exactInstant("createddate")+`), content
		from attachment a join interaction i on i.id = a.entityid where `+where)
	must(t, err)
	defer rows.Close()
	d := digests{}
	for rows.Next() {
		var record string
		var content []byte
		must(t, rows.Scan(&record, &content))
		d.add(t, []byte(strings.TrimSuffix(record, "}")+`,"content":"`+base64.StdEncoding.EncodeToString(content)+`"}`))
	}
	must(t, rows.Err())
	return d
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

// total is the number of records.
func (d digests) total() int {
	n := 0
	for _, k := range d {
		n += k
	}
	return n
}

// exported reads the lines of all files, and checks some against the schema.
func exported(t testing.TB, kind, pattern string) digests {
	t.Helper()
	validate(t, kind, pattern)
	got := digests{}
	eachLine(t, pattern, func(_ int, line []byte) { got.add(t, line) })
	return got
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
