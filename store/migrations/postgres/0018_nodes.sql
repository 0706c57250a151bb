-- The processes of "cdds serve". Each writes its own row every few seconds; the
-- times are of the database's clock, so that clocks of nodes are never compared.

-- +goose Up
CREATE TABLE nodes (
    name       TEXT    NOT NULL PRIMARY KEY,
    roles      TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    workers    BIGINT  NOT NULL CHECK (workers >= 0),
    working    BIGINT  NOT NULL CHECK (working >= 0),
    state      TEXT    NOT NULL CHECK (state IN ('up', 'stopping', 'outdated', 'gone')),
    started_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
);
