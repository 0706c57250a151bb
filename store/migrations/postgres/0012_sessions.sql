-- Sessions have a name, by which their user can end them, and say where they
-- are. Those from before have neither: everybody signs in once more.
--
-- A browser that is remembered gets a new session without a password. It holds
-- a secret that is exchanged at each use; the hashes of exchanged ones are kept,
-- because whoever shows one again may have stolen it. With the salt and the
-- exchanged secret itself, which is not kept, the same answer can be given
-- again for a moment.

-- +goose Up
DELETE FROM sessions;

CREATE TABLE remembered_browsers (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address    TEXT   NOT NULL,
    browser    TEXT   NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX remembered_browsers_by_user ON remembered_browsers (user_id);
CREATE INDEX remembered_browsers_by_end ON remembered_browsers (expires_at);

CREATE TABLE remember_secrets (
    secret_hash  TEXT NOT NULL PRIMARY KEY,
    browser_id   TEXT NOT NULL REFERENCES remembered_browsers (id) ON DELETE CASCADE,
    exchanged_at BIGINT,
    salt         TEXT,
    CONSTRAINT remember_secrets_exchanged_with_salt CHECK ((exchanged_at IS NULL) = (salt IS NULL))
);
CREATE INDEX remember_secrets_by_browser ON remember_secrets (browser_id);

ALTER TABLE sessions DROP COLUMN remember;
ALTER TABLE sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN remembered_id TEXT REFERENCES remembered_browsers (id) ON DELETE CASCADE;
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
CREATE INDEX sessions_by_remembered ON sessions (remembered_id) WHERE remembered_id IS NOT NULL;
