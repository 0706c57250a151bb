-- A split run may be cut into ranges: stretches of the order of its records
-- that workers of any node export side by side. Both tables have rows only
-- while the run is in progress.
--
-- run_cuts holds what is true of all ranges of a run: the certificates that all
-- are encrypted to (DER, one behind the other), the kind of encryption, the name
-- of the snapshot that is held open, '' for none, and how many records are
-- expected.
--
-- A range is open, taken by a worker, done, or failed for good. attempt counts
-- who has taken it, and every write of a holder carries it. beat counts up while
-- the holder is alive. body is the stretch, outcome what the engine says of a
-- range that is done; both are the worker's. helper tells a holder that counts
-- against the tenant's limit of runs from the one who carries the run out.
-- ends_early asks the holder to end the range at its next part, uncut says that
-- it is to be cut by whoever takes it.

-- +goose Up
CREATE TABLE run_cuts (
    run_id     TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL,
    recipients BLOB    NOT NULL,
    encryption TEXT    NOT NULL CHECK (encryption IN ('compatible', 'authenticated')),
    snapshot   TEXT    NOT NULL,
    total      INTEGER NOT NULL,
    exact      INTEGER NOT NULL CHECK (exact IN (0, 1)),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE run_ranges (
    run_id          TEXT    NOT NULL,
    number          INTEGER NOT NULL CHECK (number >= 1),
    tenant_id       TEXT    NOT NULL,
    body            BLOB    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('open', 'taken', 'done', 'failed')),
    attempt         INTEGER NOT NULL CHECK (attempt >= 0),
    helper          INTEGER NOT NULL CHECK (helper IN (0, 1)),
    node            TEXT    NOT NULL,
    beat            INTEGER NOT NULL,
    faults          INTEGER NOT NULL CHECK (faults >= 0),
    due_at          INTEGER,
    records         INTEGER NOT NULL CHECK (records >= 0),
    encoded_bytes   INTEGER NOT NULL CHECK (encoded_bytes >= 0),
    waiting         TEXT    NOT NULL,
    parts           INTEGER NOT NULL CHECK (parts >= 0),
    stored_bytes    INTEGER NOT NULL CHECK (stored_bytes >= 0),
    ends_early      INTEGER NOT NULL CHECK (ends_early IN (0, 1)),
    uncut           INTEGER NOT NULL CHECK (uncut IN (0, 1)),
    outcome         BLOB,
    failure_code    TEXT,
    failure_message TEXT,
    failure_hint    TEXT,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT run_ranges_failure_of_failed CHECK ((failure_code IS NOT NULL) = (state = 'failed'))
) STRICT;
CREATE INDEX run_ranges_open ON run_ranges (tenant_id, run_id, number) WHERE state = 'open';
CREATE INDEX run_ranges_helped ON run_ranges (tenant_id) WHERE state = 'taken' AND helper;

-- Parts are counted within their range; 0 is a run that is not cut. A primary
-- key cannot be changed in place, so the table is made anew.
ALTER TABLE checkpoints RENAME TO checkpoints_before;
CREATE TABLE checkpoints (
    run_id       TEXT    NOT NULL,
    part         INTEGER NOT NULL CHECK (part >= 1),
    tenant_id    TEXT    NOT NULL,
    attempt      INTEGER NOT NULL CHECK (attempt >= 1),
    key          TEXT    NOT NULL UNIQUE,
    body         BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    range_number INTEGER NOT NULL DEFAULT 0 CHECK (range_number >= 0),
    PRIMARY KEY (run_id, range_number, part),
    FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id) ON DELETE CASCADE
) STRICT;
INSERT INTO checkpoints (run_id, part, tenant_id, attempt, key, body, created_at)
    SELECT run_id, part, tenant_id, attempt, key, body, created_at FROM checkpoints_before;
DROP TABLE checkpoints_before;
