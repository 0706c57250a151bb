-- Single sign-on. An identity is the user of a subject at an issuer: names are
-- given anew, subjects are not. An attempt is a sign-in that a browser has begun
-- and not come back from; its secret is in that browser's cookie. Logout tokens
-- are kept until they are too old anyway, since each is good for once.
-- provider_session is the provider's own id of the session, '' where it has none.

-- +goose Up
CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    user_id    TEXT    NOT NULL UNIQUE,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (issuer, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE sign_on_attempts (
    key_hash   TEXT    NOT NULL PRIMARY KEY,
    return_to  TEXT    NOT NULL,
    expires_at BIGINT  NOT NULL
);
CREATE INDEX sign_on_attempts_by_end ON sign_on_attempts (expires_at, key_hash);

CREATE TABLE logout_tokens (
    id_hash    TEXT    NOT NULL PRIMARY KEY,
    expires_at BIGINT  NOT NULL
);
CREATE INDEX logout_tokens_by_end ON logout_tokens (expires_at);

ALTER TABLE sessions ADD COLUMN single_sign_on BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sessions ADD COLUMN provider_session TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_by_provider_session ON sessions (provider_session) WHERE provider_session <> '';
