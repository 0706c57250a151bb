-- Instants are microseconds since 1970 in UTC; NULL where there is none.
-- title_lower is the title in lower case, made by the program, and compared
-- byte by byte, so that search and sort are the same on both databases.
-- Every table has its tenant; the keys over (tenant_id, id) keep rows of two
-- tenants from being joined.

-- +goose Up
CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    source_id  BIGINT  NOT NULL UNIQUE,
    created_at BIGINT  NOT NULL
);

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    username      TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('', 'administrator', 'exporter', 'viewer')),
    active        BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (username, tenant_id)
);

CREATE TABLE certificates (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    der         BYTEA   NOT NULL,
    subject     TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    serial      TEXT    NOT NULL,
    not_before  BIGINT  NOT NULL,
    not_after   BIGINT  NOT NULL,
    fingerprint TEXT    NOT NULL,
    key_bits    BIGINT  NOT NULL,
    imported_at BIGINT  NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE sessions (
    token_hash TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    remember   BOOLEAN NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE idempotency_keys (
    user_id    TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    object_id  TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (user_id, key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    object     TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    words      TEXT    NOT NULL,
    at         BIGINT  NOT NULL
);
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);

CREATE TABLE jobs (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    owner_id      TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    title_lower   TEXT    COLLATE "C" NOT NULL,
    source        TEXT    NOT NULL,
    type          TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    spec          TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('active', 'suspended')),
    first_start   BIGINT,
    next_run_at   BIGINT,
    latest_run_id TEXT,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    deleted_at    BIGINT,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id)
);
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
    title_lower        TEXT    COLLATE "C" NOT NULL,
    source             TEXT    NOT NULL,
    type               TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    spec               TEXT    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('queued', 'in_progress', 'finished', 'failed', 'canceled')),
    triggered_by       TEXT    NOT NULL CHECK (triggered_by IN ('schedule', 'manual', 'retry')),
    scheduled_for      BIGINT  NOT NULL,
    due_at             BIGINT  NOT NULL,
    window_start       BIGINT,
    window_end         BIGINT,
    window_frozen      BOOLEAN NOT NULL,
    attempt            INTEGER NOT NULL CHECK (attempt >= 1),
    faults             INTEGER NOT NULL CHECK (faults >= 0),
    lease_owner        TEXT,
    lease_until        BIGINT,
    nudged_at          BIGINT,
    created_at         BIGINT  NOT NULL,
    started_at         BIGINT,
    finished_at        BIGINT,
    updated_at         BIGINT  NOT NULL,
    records            BIGINT  NOT NULL CHECK (records >= 0),
    total_records      BIGINT  NOT NULL CHECK (total_records >= -1),
    encoded_bytes      BIGINT  NOT NULL CHECK (encoded_bytes >= 0),
    records_per_second DOUBLE PRECISION NOT NULL,
    no_data            BOOLEAN NOT NULL,
    retry_of           TEXT REFERENCES runs (id) ON DELETE SET NULL,
    failure_code       TEXT,
    failure_message    TEXT,
    failure_hint       TEXT,
    artifacts          BIGINT  NOT NULL CHECK (artifacts >= 0),
    bytes              BIGINT  NOT NULL CHECK (bytes >= 0),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id),
    CONSTRAINT runs_final_has_end CHECK ((finished_at IS NULL) = (state IN ('queued', 'in_progress'))),
    CONSTRAINT runs_lease_in_progress CHECK (lease_owner IS NULL OR state = 'in_progress'),
    CONSTRAINT runs_failure_of_failed CHECK (failure_code IS NULL OR state = 'failed')
);
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

ALTER TABLE jobs ADD FOREIGN KEY (latest_run_id) REFERENCES runs (id);

-- A run's state moves along queued -> in_progress, failed or canceled, and
-- in_progress -> finished, failed or canceled, and never out of a final state.
-- +goose StatementBegin
CREATE FUNCTION refuse_run_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a run may not move between these states' USING ERRCODE = 'check_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER runs_state_moves BEFORE UPDATE OF state ON runs FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT (
    (OLD.state = 'queued' AND NEW.state IN ('in_progress', 'failed', 'canceled')) OR
    (OLD.state = 'in_progress' AND NEW.state IN ('finished', 'failed', 'canceled'))))
EXECUTE FUNCTION refuse_run_move();

CREATE TABLE attempts (
    run_id      TEXT    NOT NULL,
    number      BIGINT  NOT NULL CHECK (number >= 1),
    tenant_id   TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    started_at  BIGINT  NOT NULL,
    finished_at BIGINT,
    error       TEXT    NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE manifests (
    run_id    TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    body      BYTEA NOT NULL,
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE artifacts (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    run_id      TEXT    NOT NULL,
    job_id      TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    title_lower TEXT    COLLATE "C" NOT NULL,
    type        TEXT    NOT NULL CHECK (type IN ('interaction', 'contact')),
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL UNIQUE,
    part        BIGINT  NOT NULL CHECK (part >= 1),
    parts       BIGINT  NOT NULL,
    size        BIGINT  NOT NULL CHECK (size >= 0),
    sha256      TEXT    NOT NULL,
    recipients  TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    expired_at  BIGINT,
    UNIQUE (run_id, part),
    CHECK (part <= parts),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id)
);
CREATE INDEX artifacts_by_creation ON artifacts (tenant_id, created_at, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_job ON artifacts (tenant_id, job_id, created_at);
CREATE INDEX artifacts_by_end ON artifacts (expires_at, id) WHERE expired_at IS NULL;
