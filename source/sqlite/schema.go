package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// schema is the shape of a Contact History in SQLite. Instants are text of the
// form 2006-01-02T15:04:05.000000Z, so that their order as text is their order
// in time; flags are 0 and 1.
const schema = `
create table contact (
	id text primary key not null,
	tenantid integer not null,
	createddate text not null,
	modifieddate text,
	mergeid text
) without rowid;
create table contact_attribute (
	id integer primary key,
	contactid text not null references contact (id),
	name text not null,
	value text not null,
	isprimary integer not null default 0,
	description text
);
create table interaction (
	id text primary key not null,
	tenantid integer not null, subtenantid integer,
	contactid text references contact (id),
	parentid text, threadid text, threadhash integer, externalid text,
	entitytypeid integer not null, mediatypeid text not null, typeid text not null, subtypeid text,
	status integer not null, stoppedreason text,
	startdate text not null, modifieddate text, enddate text, timeshift integer,
	subject text, text text, structuredtext text, structtextmimetype text, thecomment text, lang text,
	ownerid text, creatorappid integer, queuename text, categoryid text,
	iscategoryapproved integer, isspam integer, websafeemailstatus text, canbeparent integer not null default 1,
	strattribute1 text, strattribute2 text, strattribute3 text, strattribute4 text, strattribute5 text,
	strattribute6 text, strattribute7 text, strattribute8 text, strattribute9 text, strattribute10 text,
	intattribute1 integer, intattribute2 integer, intattribute3 integer, intattribute4 integer, intattribute5 integer,
	allattributes text not null default '{}'
);
create table interaction_email (
	interactionid text primary key not null references interaction (id),
	fromaddress text, toaddresses text, ccaddresses text, bccaddresses text, replytoaddress text, mailbox text, sentdate text
) without rowid;
create table interaction_chat (
	interactionid text primary key not null references interaction (id),
	establisheddate text, releaseddate text, nickname text
) without rowid;
create table interaction_phonecall (
	interactionid text primary key not null references interaction (id),
	phonenumber text, duration integer, outcome text, connectionid text
) without rowid;
create table interaction_callback (
	interactionid text primary key not null references interaction (id),
	customernumber text, callbacktype text, desiredresponsetype text, status integer,
	starttime text, endtime text, attempts integer, result integer
) without rowid;
create table attachment (
	id text primary key not null,
	entityid text not null references interaction (id),
	tenantid integer not null,
	thename text, mimetype text, thesize integer not null, description text, createddate text,
	content blob not null
);
create index interaction_startdate on interaction (startdate, id);
create index interaction_modifieddate on interaction (modifieddate, id);
create index interaction_contact on interaction (contactid, startdate);
create index contact_modifieddate on contact (coalesce(modifieddate, createddate), id);
create index contact_attribute_contact on contact_attribute (contactid);
create index attachment_entity on attachment (entityid);
`

// CreateSchema makes the tables of a Contact History in an empty database.
func CreateSchema(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("create the tables of Contact History: %w", err)
	}
	return nil
}
