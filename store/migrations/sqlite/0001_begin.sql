-- Instants are microseconds since 1970 in UTC; NULL where there is none.
-- Flags are 0 and 1. title_lower is the title in lower case, made by the
-- program, so that search and sort are the same on both databases.
-- Every table has its tenant; the keys over (tenant_id, id) keep rows of two
-- tenants from being joined.

-- +goose Up
CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    source_id  INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    username      TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('', 'administrator', 'exporter', 'viewer')),
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_at    INTEGER NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (username, tenant_id)
) STRICT;

CREATE TABLE certificates (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    der         BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    serial      TEXT    NOT NULL,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    key_bits    INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

CREATE TABLE sessions (
    token_hash TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    remember   INTEGER NOT NULL CHECK (remember IN (0, 1)),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE idempotency_keys (
    user_id    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    object_id  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    words      TEXT    NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);

CREATE TABLE jobs (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    owner_id      TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    title_lower   TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    type          TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    spec          TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('active', 'suspended')),
    first_start   INTEGER,
    next_run_at   INTEGER,
    latest_run_id TEXT REFERENCES runs (id),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    deleted_at    INTEGER,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id)
) STRICT;
CREATE INDEX jobs_by_creation ON jobs (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_title ON jobs (tenant_id, title_lower, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_next_start ON jobs (tenant_id, COALESCE(next_run_at, 9223372036854775807), id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_due ON jobs (next_run_at, id) WHERE state = 'active' AND deleted_at IS NULL;
CREATE INDEX jobs_by_latest_run ON jobs (latest_run_id);

CREATE TABLE runs (
    id                 TEXT    NOT NULL PRIMARY KEY,
    tenant_id          TEXT    NOT NULL REFERENCES tenants (id),
    job_id             TEXT    NOT NULL,
    owner_id           TEXT    NOT NULL,
    title              TEXT    NOT NULL,
    title_lower        TEXT    NOT NULL,
    source             TEXT    NOT NULL,
    type               TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    spec               TEXT    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('queued', 'in_progress', 'finished', 'failed', 'canceled')),
    triggered_by       TEXT    NOT NULL CHECK (triggered_by IN ('schedule', 'manual', 'retry')),
    scheduled_for      INTEGER NOT NULL,
    due_at             INTEGER NOT NULL,
    window_start       INTEGER,
    window_end         INTEGER,
    window_frozen      INTEGER NOT NULL CHECK (window_frozen IN (0, 1)),
    attempt            INTEGER NOT NULL CHECK (attempt >= 1),
    faults             INTEGER NOT NULL CHECK (faults >= 0),
    lease_owner        TEXT,
    lease_until        INTEGER,
    nudged_at          INTEGER,
    created_at         INTEGER NOT NULL,
    started_at         INTEGER,
    finished_at        INTEGER,
    updated_at         INTEGER NOT NULL,
    records            INTEGER NOT NULL CHECK (records >= 0),
    total_records      INTEGER NOT NULL CHECK (total_records >= -1),
    encoded_bytes      INTEGER NOT NULL CHECK (encoded_bytes >= 0),
    records_per_second REAL    NOT NULL,
    no_data            INTEGER NOT NULL CHECK (no_data IN (0, 1)),
    retry_of           TEXT REFERENCES runs (id) ON DELETE SET NULL,
    failure_code       TEXT,
    failure_message    TEXT,
    failure_hint       TEXT,
    artifacts          INTEGER NOT NULL CHECK (artifacts >= 0),
    bytes              INTEGER NOT NULL CHECK (bytes >= 0),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id),
    CONSTRAINT runs_final_has_end CHECK ((finished_at IS NULL) = (state IN ('queued', 'in_progress'))),
    CONSTRAINT runs_lease_in_progress CHECK (lease_owner IS NULL OR state = 'in_progress'),
    CONSTRAINT runs_failure_of_failed CHECK (failure_code IS NULL OR state = 'failed')
) STRICT;
CREATE UNIQUE INDEX runs_one_in_progress ON runs (job_id) WHERE state = 'in_progress';
CREATE UNIQUE INDEX runs_one_per_occurrence ON runs (job_id, scheduled_for) WHERE triggered_by = 'schedule';
CREATE INDEX runs_by_creation ON runs (tenant_id, created_at, id);
CREATE INDEX runs_by_state ON runs (tenant_id, state, created_at, id);
CREATE INDEX runs_by_job ON runs (job_id, tenant_id, created_at, id);
CREATE INDEX runs_by_change ON runs (tenant_id, updated_at, id);
CREATE INDEX runs_queued ON runs (job_id, scheduled_for, created_at, id) WHERE state = 'queued';
CREATE INDEX runs_waiting ON runs (due_at, id) WHERE state = 'queued';
CREATE INDEX runs_window_ends ON runs (job_id, window_end) WHERE state = 'finished';
CREATE INDEX runs_by_retried ON runs (retry_of) WHERE retry_of IS NOT NULL;

-- A run's state moves along queued -> in_progress, failed or canceled, and
-- in_progress -> finished, failed or canceled, and never out of a final state.
-- +goose StatementBegin
CREATE TRIGGER runs_state_moves BEFORE UPDATE OF state ON runs
WHEN OLD.state <> NEW.state AND NOT (
    (OLD.state = 'queued' AND NEW.state IN ('in_progress', 'failed', 'canceled')) OR
    (OLD.state = 'in_progress' AND NEW.state IN ('finished', 'failed', 'canceled')))
BEGIN
    SELECT RAISE(ABORT, 'a run may not move between these states');
END;
-- +goose StatementEnd

CREATE TABLE attempts (
    run_id      TEXT    NOT NULL,
    number      INTEGER NOT NULL CHECK (number >= 1),
    tenant_id   TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    error       TEXT    NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE manifests (
    run_id    TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    body      BLOB NOT NULL,
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE artifacts (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    run_id      TEXT    NOT NULL,
    job_id      TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    title_lower TEXT    NOT NULL,
    type        TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    part        INTEGER NOT NULL CHECK (part >= 1),
    parts       INTEGER NOT NULL,
    size        INTEGER NOT NULL CHECK (size >= 0),
    sha256      TEXT    NOT NULL,
    recipients  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    expired_at  INTEGER,
    UNIQUE (run_id, part),
    CHECK (part <= parts),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id)
) STRICT;
CREATE INDEX artifacts_by_creation ON artifacts (tenant_id, created_at, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_job ON artifacts (tenant_id, job_id, created_at);
CREATE INDEX artifacts_by_end ON artifacts (expires_at, id) WHERE expired_at IS NULL;
