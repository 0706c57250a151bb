-- What a run in progress waits for, in a sentence for people; '' while it reads.

-- +goose Up
ALTER TABLE runs ADD COLUMN waiting TEXT NOT NULL DEFAULT '';
