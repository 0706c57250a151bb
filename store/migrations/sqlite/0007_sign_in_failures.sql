-- Failed sign-ins by what they are counted by. subject is a hash: what people
-- type as their name may be their password.

-- +goose Up
CREATE TABLE sign_in_failures (
    subject  TEXT    NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL CHECK (failures >= 1),
    last_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_at);
