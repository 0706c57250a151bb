-- A checkpoint is a part of a split run that is durably stored while the run
-- is still going: the next attempt goes on behind it. Artifacts take their
-- place when the run finishes. key is the object in the storage, body what the
-- engine needs to go on.

-- +goose Up
CREATE TABLE checkpoints (
    run_id     TEXT    NOT NULL,
    part       INTEGER NOT NULL CHECK (part >= 1),
    tenant_id  TEXT    NOT NULL,
    attempt    INTEGER NOT NULL CHECK (attempt >= 1),
    key        TEXT    NOT NULL UNIQUE,
    body       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, part),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;
