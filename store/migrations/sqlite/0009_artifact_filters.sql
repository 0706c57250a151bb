-- The artifacts of a job or of a run, in the order of creation: without these a
-- long list was read from its beginning to find a few.

-- +goose Up
CREATE INDEX artifacts_of_job ON artifacts (tenant_id, job_id, created_at, id) WHERE expired_at IS NULL;
CREATE INDEX artifacts_of_run ON artifacts (tenant_id, run_id, created_at, id) WHERE expired_at IS NULL;
