-- Every order and filter of a list has its index, so that a page costs the
-- same in a short and in a long list: "by" indexes serve an order, "of"
-- indexes a filter in the order of creation.
-- A job's row holds what its list shows and sorts of its latest run. Triggers
-- keep it, in whatever way a run changes. latest_state is 'none' for a job
-- that never ran.

-- +goose Up
ALTER TABLE jobs ADD COLUMN latest_state TEXT COLLATE "C" NOT NULL DEFAULT 'none';
ALTER TABLE jobs ADD COLUMN latest_started_at BIGINT;
UPDATE jobs SET latest_state = (SELECT l.state FROM runs l WHERE l.id = latest_run_id), latest_started_at = (SELECT l.started_at FROM runs l WHERE l.id = latest_run_id)
WHERE latest_run_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION take_latest_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT l.state, l.started_at INTO NEW.latest_state, NEW.latest_started_at FROM runs l WHERE l.id = NEW.latest_run_id;
    NEW.latest_state := COALESCE(NEW.latest_state, 'none');
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER jobs_latest_run BEFORE UPDATE OF latest_run_id ON jobs FOR EACH ROW EXECUTE FUNCTION take_latest_run();
-- +goose StatementBegin
CREATE FUNCTION give_latest_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jobs SET latest_state = NEW.state, latest_started_at = NEW.started_at WHERE latest_run_id = NEW.id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER runs_latest_of_job AFTER UPDATE OF state, started_at ON runs FOR EACH ROW
WHEN (OLD.state <> NEW.state OR OLD.started_at IS DISTINCT FROM NEW.started_at) EXECUTE FUNCTION give_latest_run();

CREATE INDEX jobs_by_source ON jobs (tenant_id, source, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_type ON jobs (tenant_id, type, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_latest_state ON jobs (tenant_id, latest_state, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_latest_start ON jobs (tenant_id, COALESCE(latest_started_at, 9223372036854775807), id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_of_type ON jobs (tenant_id, type, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_of_state ON jobs (tenant_id, state, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_of_latest_state ON jobs (tenant_id, latest_state, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX runs_by_start ON runs (tenant_id, COALESCE(started_at, 9223372036854775807), id);
CREATE INDEX runs_by_end ON runs (tenant_id, COALESCE(finished_at, 9223372036854775807), id);
CREATE INDEX runs_by_schedule ON runs (tenant_id, scheduled_for, id);
CREATE INDEX runs_by_title ON runs (tenant_id, title_lower, id);
CREATE INDEX runs_by_state_alone ON runs (tenant_id, state, id);
CREATE INDEX runs_by_records ON runs (tenant_id, records, id);
CREATE INDEX runs_by_bytes ON runs (tenant_id, bytes, id);
CREATE INDEX runs_of_type ON runs (tenant_id, type, created_at, id);

CREATE INDEX artifacts_by_expiry ON artifacts (tenant_id, expires_at, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_title ON artifacts (tenant_id, title_lower, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_name ON artifacts (tenant_id, name, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_size ON artifacts (tenant_id, size, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_by_type ON artifacts (tenant_id, type, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_of_type ON artifacts (tenant_id, type, created_at, id) WHERE expired_at IS NULL;
