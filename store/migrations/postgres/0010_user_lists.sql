-- username_lower is the username in lower case, made by the program, so that
-- the list of users is searched and sorted alike on both databases. Names from
-- before are put into lower case by the database, which may leave letters
-- beyond ASCII as they are until the user is changed.

-- +goose Up
ALTER TABLE users ADD COLUMN username_lower TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE users SET username_lower = lower(username);
CREATE INDEX users_by_name ON users (tenant_id, username_lower, id);
CREATE INDEX jobs_of_owner ON jobs (tenant_id, owner_id, created_at, id) WHERE deleted_at IS NULL;
