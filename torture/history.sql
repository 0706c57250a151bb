-- A made-up Contact History of the tables that the service reads. :interactions is the
-- number of interactions; three more lie in each hour from two days ago to a
-- hundred days ahead, since the campaign's clock runs ahead of the machine's.
-- The texts are hexadecimal digits, so that they do not shrink to nothing.
create role reader login;
create table contact (
  id varchar(32) primary key, tenantid integer not null, createddate timestamptz not null, modifieddate timestamptz, mergeid varchar(32)
);
create table contact_attribute (
  id bigint generated always as identity primary key, contactid varchar(32) not null, name varchar(64) not null, value text not null,
  isprimary boolean not null default false, description text
);
create table interaction (
  id varchar(32) primary key, tenantid integer not null, subtenantid integer, contactid varchar(32), parentid varchar(32),
  threadid varchar(32), threadhash integer, externalid varchar(256), entitytypeid smallint not null, mediatypeid varchar(32) not null,
  typeid varchar(32) not null, subtypeid varchar(32), status smallint not null, stoppedreason varchar(64),
  startdate timestamptz not null, modifieddate timestamptz, enddate timestamptz, timeshift integer, subject varchar(512), text text,
  structuredtext text, structtextmimetype varchar(256), thecomment text, lang varchar(64), ownerid varchar(64), creatorappid integer,
  queuename varchar(64), categoryid varchar(32), iscategoryapproved boolean, isspam boolean, websafeemailstatus varchar(32),
  canbeparent boolean not null default true,
  strattribute1 varchar(256), strattribute2 varchar(256), strattribute3 varchar(256), strattribute4 varchar(256), strattribute5 varchar(256),
  strattribute6 varchar(256), strattribute7 varchar(256), strattribute8 varchar(256), strattribute9 varchar(256), strattribute10 varchar(256),
  intattribute1 integer, intattribute2 integer, intattribute3 integer, intattribute4 integer, intattribute5 integer,
  allattributes jsonb not null default '{}'
);
create table interaction_email (
  interactionid varchar(32) primary key, fromaddress text, toaddresses text, ccaddresses text, bccaddresses text, replytoaddress text,
  mailbox text, sentdate timestamptz
);
create table interaction_chat (
  interactionid varchar(32) primary key, establisheddate timestamptz, releaseddate timestamptz, nickname text
);
create table interaction_phonecall (
  interactionid varchar(32) primary key, phonenumber text, duration integer, outcome text, connectionid text
);
create table interaction_callback (
  interactionid varchar(32) primary key, customernumber text, callbacktype text, desiredresponsetype text, status smallint,
  starttime timestamptz, endtime timestamptz, attempts integer, result smallint
);
create table attachment (
  id varchar(32) primary key, entityid varchar(32) not null, tenantid integer not null, thename text, mimetype text, thesize integer not null,
  description text, createddate timestamptz, content bytea not null
);

insert into contact (id, tenantid, createddate, modifieddate)
select 'c' || n, 101, now() - n * interval '1 hour', case when n % 3 = 0 then now() - n * interval '20 minutes' end
from generate_series(1, 2000) n;
insert into contact_attribute (contactid, name, value, isprimary)
select 'c' || n, a.name, a.name || ' ' || md5(n || a.name), a.name = 'LastName'
from generate_series(1, 2000) n, (values ('FirstName'), ('LastName'), ('EmailAddress'), ('PhoneNumber')) a (name);

insert into interaction (id, tenantid, contactid, entitytypeid, mediatypeid, typeid, status, startdate, subject, text, lang, queuename, allattributes)
select 'i' || n, 101, 'c' || 1 + n % 2000, (array[0, 2, 3, 5, 7])[1 + n % 5], (array['email', 'chat', 'voice', 'callback', 'webform'])[1 + n % 5],
       'Inbound', 3, now() - interval '2 days' - (:interactions - n) * interval '1 minute' / 7, 'Subject ' || n,
       (select string_agg(md5(n || '/' || k), ' ') from generate_series(1, 10 + n % 7) k), 'en', 'support', jsonb_build_object('number', n)
from generate_series(1, :interactions) n;
insert into interaction (id, tenantid, entitytypeid, mediatypeid, typeid, status, startdate, text)
select 'h' || h || '-' || n, 101, 7, 'webform', 'Inbound', 3, date_trunc('hour', now()) - interval '2 days' + h * interval '1 hour' + n * interval '17 minutes',
       md5(h || '-' || n)
from generate_series(0, 102 * 24) h, generate_series(1, 3) n;
insert into interaction_email (interactionid, fromaddress, toaddresses) select id, 'a@example.com', 'b@example.com' from interaction where entitytypeid = 0;
insert into interaction_chat (interactionid, nickname) select id, 'guest' from interaction where entitytypeid = 2;
insert into interaction_phonecall (interactionid, phonenumber, duration) select id, '+49 30 1234', 60 from interaction where entitytypeid = 3;
insert into interaction_callback (interactionid, customernumber, attempts) select id, '+49 30 1234', 1 from interaction where entitytypeid = 5;
insert into attachment (id, entityid, tenantid, thename, mimetype, thesize, createddate, content)
select 'a' || n || '-' || k, 'i' || n, 101, 'file-' || k || '.bin', 'application/octet-stream', 1024, now(),
       (select string_agg(sha256(convert_to(n || '/' || k || '/' || b, 'UTF8')), '') from generate_series(1, 32) b)
from generate_series(1, :interactions, 16) n, generate_series(1, 2) k;

create index interaction_startdate on interaction (startdate, id);
create index interaction_modifieddate on interaction (modifieddate, id);
create index interaction_contact on interaction (contactid, startdate);
create index contact_modifieddate on contact (coalesce(modifieddate, createddate), id);
create index contact_attribute_contact on contact_attribute (contactid);
create index attachment_entity on attachment (entityid);
analyze;
grant select on all tables in schema public to reader;
