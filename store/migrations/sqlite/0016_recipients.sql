-- How a user's artifacts are encrypted; who is not here has the default,
-- compatible.

-- +goose Up
CREATE TABLE encryption_choices (
    user_id    TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL,
    encryption TEXT    NOT NULL CHECK (encryption IN ('compatible', 'authenticated')),
    chosen_at  INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

ALTER TABLE artifacts ADD COLUMN encryption TEXT NOT NULL DEFAULT 'compatible'
    CONSTRAINT artifacts_encryption_known CHECK (encryption IN ('compatible', 'authenticated'));

-- Certificates that all artifacts of a tenant are encrypted to, beside the
-- owner's. added_by is a username: the person may be gone later.
CREATE TABLE recipients (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL REFERENCES tenants (id),
    title       TEXT    NOT NULL,
    der         BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    serial      TEXT    NOT NULL,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    key_bits    INTEGER NOT NULL,
    added_by    TEXT    NOT NULL,
    added_at    INTEGER NOT NULL,
    UNIQUE (tenant_id, fingerprint)
) STRICT;
