-- What is known of the stored bytes: when they were last compared with their
-- checksum, and what was wrong then. damage is a sentence for people; it and
-- damaged_at, the time at which it was first seen, are NULL while all is well.

-- +goose Up
ALTER TABLE artifacts ADD COLUMN verified_at BIGINT;
ALTER TABLE artifacts ADD COLUMN damaged_at BIGINT;
ALTER TABLE artifacts ADD COLUMN damage TEXT CONSTRAINT artifacts_damage_has_time CHECK ((damage IS NULL) = (damaged_at IS NULL));

CREATE INDEX artifacts_by_check ON artifacts (COALESCE(verified_at, 0), id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_damaged ON artifacts (run_id) WHERE damaged_at IS NOT NULL AND expired_at IS NULL;

-- Which node checks stored artifacts in the background: one at a time.
CREATE TABLE scrub (
    only_row    BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    node        TEXT,
    lease_until BIGINT
);
INSERT INTO scrub (only_row) VALUES (1);

-- The restores of this metadata from a backup. Files in the artifact storage
-- that the restored metadata does not know are kept until kept_until.
CREATE TABLE restores (
    restored_at BIGINT NOT NULL PRIMARY KEY,
    kept_until  BIGINT NOT NULL
);
