-- A tenant's source and its limits. source_name is one of the settings' names
-- of sources, '' the deployment's own; its address and password are never kept
-- here. A limit of 0 is none. turn counts up over all tenants: the one that
-- started a run last has the highest, and comes last where several wait.
-- A number belongs to one tenant of a source, no longer of the deployment.

-- +goose Up
ALTER TABLE tenants
    ADD COLUMN source_name    TEXT   NOT NULL DEFAULT '',
    ADD COLUMN max_runs       BIGINT NOT NULL DEFAULT 0 CHECK (max_runs >= 0),
    ADD COLUMN max_bytes      BIGINT NOT NULL DEFAULT 0 CHECK (max_bytes >= 0),
    ADD COLUMN retention_days BIGINT NOT NULL DEFAULT 0 CHECK (retention_days >= 0),
    ADD COLUMN turn           BIGINT NOT NULL DEFAULT 0,
    DROP CONSTRAINT tenants_source_id_key,
    ADD UNIQUE (source_name, source_id);

CREATE INDEX runs_waiting_of_tenant ON runs (tenant_id, due_at, id) WHERE state = 'queued';
