-- A tenant's source and its limits. source_name is one of the settings' names
-- of sources, '' the deployment's own; its address and password are never kept
-- here. A limit of 0 is none. turn counts up over all tenants: the one that
-- started a run last has the highest, and comes last where several wait.
--
-- A number belongs to one tenant of a source, no longer of the deployment. A
-- unique column cannot be changed in place, so the table is made anew; rows
-- that point to it are looked at when the transaction ends.

-- +goose Up
PRAGMA defer_foreign_keys = ON;
CREATE TEMPORARY TABLE kept_tenants AS SELECT id, name, source_id, created_at FROM tenants;
DROP TABLE tenants;
CREATE TABLE tenants (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    source_id      INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    source_name    TEXT    NOT NULL DEFAULT '',
    max_runs       INTEGER NOT NULL DEFAULT 0 CHECK (max_runs >= 0),
    max_bytes      INTEGER NOT NULL DEFAULT 0 CHECK (max_bytes >= 0),
    retention_days INTEGER NOT NULL DEFAULT 0 CHECK (retention_days >= 0),
    turn           INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source_name, source_id)
) STRICT;
INSERT INTO tenants (id, name, source_id, created_at) SELECT id, name, source_id, created_at FROM kept_tenants;
DROP TABLE kept_tenants;

CREATE INDEX runs_waiting_of_tenant ON runs (tenant_id, due_at, id) WHERE state = 'queued';
