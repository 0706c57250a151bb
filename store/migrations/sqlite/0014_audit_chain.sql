-- The audit log becomes a hash chain for each tenant, and one for the lines of
-- no tenant, whose tenant_id is ''. It references nothing: the log outlives what
-- it tells of. number counts the lines of a chain from 1; hash covers all of a
-- line and the hash before it (store/audit_chain.go). times is how many equal
-- attempts a line stands for; token is the API token that was used, or ''.
--
-- audit_chain.go carries this out, copies the old lines and drops audit_old, all
-- in one transaction.
ALTER TABLE audit RENAME TO audit_old;
DROP INDEX audit_by_time;
DROP INDEX audit_by_object;

CREATE TABLE audit (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT    NOT NULL,
    number     INTEGER NOT NULL CHECK (number >= 1),
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    token      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    result     TEXT    NOT NULL CHECK (result IN ('done', 'refused')),
    times      INTEGER NOT NULL CHECK (times >= 1),
    address    TEXT    NOT NULL,
    words      TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    hash       TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE UNIQUE INDEX audit_by_number ON audit (tenant_id, number);
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);
CREATE INDEX audit_by_object ON audit (tenant_id, object, at, id);
CREATE INDEX audit_by_action ON audit (tenant_id, action, at, id);
CREATE INDEX audit_by_user ON audit (tenant_id, username, at, id);

-- Lines are only ever added. The third trigger is for INSERT OR REPLACE, which
-- removes a row without asking the second.
CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'lines of the audit log are never changed');
END;
CREATE TRIGGER audit_keeps_all BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'lines of the audit log are never removed');
END;
CREATE TRIGGER audit_replaces_none BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id OR (tenant_id = NEW.tenant_id AND number = NEW.number))
BEGIN
    SELECT RAISE(ABORT, 'lines of the audit log are never replaced');
END;
