-- Who did what to one object: the downloads of a run's artifacts.

-- +goose Up
CREATE INDEX audit_by_object ON audit (tenant_id, object, at, id);
