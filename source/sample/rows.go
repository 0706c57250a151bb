package sample

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"cdds/source/sqlite"
)

// rows writes records within one transaction.
type rows struct {
	contacts, attributes                                      *sql.Stmt
	interactions, emails, chats, phones, callbacks, documents *sql.Stmt
}

// inTx runs do in one transaction, which is kept if do succeeds.
func inTx(ctx context.Context, db *sql.DB, do func(*rows) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := inRows(ctx, tx, do); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func inRows(ctx context.Context, tx *sql.Tx, do func(*rows) error) error {
	rows := &rows{}
	for _, table := range []struct {
		stmt    **sql.Stmt
		name    string
		columns string
	}{
		{&rows.contacts, "contact", "id, tenantid, createddate, modifieddate, mergeid"},
		{&rows.attributes, "contact_attribute", "contactid, name, value, isprimary, description"},
		{&rows.interactions, "interaction", interactionColumns},
		{&rows.emails, "interaction_email", "interactionid, fromaddress, toaddresses, ccaddresses, bccaddresses, replytoaddress, mailbox, sentdate"},
		{&rows.chats, "interaction_chat", "interactionid, establisheddate, releaseddate, nickname"},
		{&rows.phones, "interaction_phonecall", "interactionid, phonenumber, duration, outcome, connectionid"},
		{&rows.callbacks, "interaction_callback", "interactionid, customernumber, callbacktype, desiredresponsetype, status, starttime, endtime, attempts, result"},
		{&rows.documents, "attachment", "id, entityid, tenantid, thename, mimetype, thesize, description, createddate, content"},
	} {
		gaps := strings.Repeat(", ?", strings.Count(table.columns, ",")+1)[2:]
		//nolint:sqlclosecheck // a transaction closes its statements when it ends
		stmt, err := tx.PrepareContext(ctx, "INSERT INTO "+table.name+" ("+table.columns+") VALUES ("+gaps+")")
		if err != nil {
			return fmt.Errorf("prepare the table %s: %w", table.name, err)
		}
		*table.stmt = stmt
	}
	return do(rows)
}

// contact writes one contact with its attributes.
func (w *rows) contact(ctx context.Context, tenant int64, c *contact, attributes []attribute) error {
	if _, err := w.contacts.ExecContext(ctx, c.id, tenant, nullTime(c.created), nullTime(c.modified), nullText(c.mergedTo)); err != nil {
		return err
	}
	for _, a := range attributes {
		if _, err := w.attributes.ExecContext(ctx, c.id, a.name, a.value, a.primary, nullText(a.description)); err != nil {
			return err
		}
	}
	return nil
}

// interactionColumns are the columns in the order of interaction.values.
const interactionColumns = `id, tenantid, subtenantid, contactid, parentid, threadid, threadhash, externalid,
	entitytypeid, mediatypeid, typeid, subtypeid, status, stoppedreason, startdate, modifieddate, enddate, timeshift,
	subject, text, structuredtext, structtextmimetype, thecomment, lang, ownerid, creatorappid, queuename,
	categoryid, iscategoryapproved, isspam, websafeemailstatus, canbeparent,
	strattribute1, strattribute2, strattribute3, strattribute4, strattribute5,
	strattribute6, strattribute7, strattribute8, strattribute9, strattribute10,
	intattribute1, intattribute2, intattribute3, intattribute4, intattribute5, allattributes`

// values are the values of interactionColumns.
func (i *interaction) values() ([]any, error) {
	attached, err := i.attached.json()
	if err != nil {
		return nil, err
	}
	subtenant := any(i.subtenant)
	if i.subtenant == 0 {
		subtenant = nil
	}
	values := []any{
		i.id, i.tenant, subtenant, nullText(i.contactID), nullText(i.parentID), nullText(i.threadID), i.threadHash, nullText(i.externalID),
		i.kind, i.mediaType, i.direction, nullText(i.subtype), i.status, nullText(i.stoppedReason), nullTime(i.start), nullTime(i.modified), nullTime(i.end), i.timeShift,
		nullText(i.subject), nullText(i.text), nullText(i.structured), nullText(i.mimeType), nullText(i.comment), nullText(i.lang), nullText(i.owner), i.app, nullText(i.queue),
		nullText(i.category), i.categoryApproved, i.spam, nullText(i.webSafe), i.canBeParent,
	}
	for _, s := range i.strings {
		values = append(values, nullText(s))
	}
	values = append(values, i.numbers[:]...)
	return append(values, attached), nil
}

// interaction writes one interaction with the row of its kind and its
// attachments.
func (w *rows) interaction(ctx context.Context, i *interaction) error {
	values, err := i.values()
	if err != nil {
		return err
	}
	if _, err := w.interactions.ExecContext(ctx, values...); err != nil {
		return fmt.Errorf("interaction %s: %w", i.id, err)
	}
	if err := w.kind(ctx, i); err != nil {
		return fmt.Errorf("interaction %s: %w", i.id, err)
	}
	for _, a := range i.attachments {
		_, err := w.documents.ExecContext(ctx, a.id, i.id, i.tenant, a.name, a.mimeType, len(a.content), nullText(a.description), nullTime(i.start), a.content)
		if err != nil {
			return fmt.Errorf("attachment %s: %w", a.id, err)
		}
	}
	return nil
}

// kind writes the row that only this kind of interaction has.
func (w *rows) kind(ctx context.Context, i *interaction) error {
	var err error
	if e := i.email; e != nil {
		_, err = w.emails.ExecContext(ctx, i.id, nullText(e.from), nullText(e.to), nullText(e.cc), nullText(e.bcc), nullText(e.replyTo), nullText(e.mailbox), nullTime(e.sent))
	}
	if c := i.chat; c != nil {
		_, err = w.chats.ExecContext(ctx, i.id, nullTime(c.established), nullTime(c.released), nullText(c.nick))
	}
	if p := i.phone; p != nil {
		_, err = w.phones.ExecContext(ctx, i.id, nullText(p.number), p.seconds, nullText(p.outcome), nullText(p.connectionID))
	}
	if c := i.callback; c != nil {
		_, err = w.callbacks.ExecContext(ctx, i.id, nullText(c.number), nullText(c.kind), "Voice", c.status, nullTime(c.start), nullTime(c.end), c.attempts, c.result)
	}
	return err // an interaction is of one kind
}

// nullText returns a text for the database, NULL for an empty one.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nullTime returns an instant for the database, NULL for the zero time.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(sqlite.Layout)
}
