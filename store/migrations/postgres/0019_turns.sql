-- Whose turn it is, without looking at all that waits. turns has a row for each
-- tenant: how many of its runs are in progress; when the first of those that
-- may start is due, NULL where none may or the tenant is at its limit; its turn,
-- which counts up over all tenants, so that the one that started a run last
-- comes last; and how many runs it has started by hand in a row. It stands
-- beside tenants and not in it: whatever is inserted looks at the tenant's row,
-- which is therefore not to change with each run. tenants.turn, from before,
-- stays for nodes of the version before while an update goes on.
--
-- first_of_job marks the one queued run of a job that is next, where none of
-- the job is in progress; NULL is not known, in rows of the version before.

-- +goose Up
CREATE TABLE turns (
    tenant_id TEXT   NOT NULL PRIMARY KEY REFERENCES tenants (id),
    running   BIGINT NOT NULL DEFAULT 0,
    due_at    BIGINT,
    turn      BIGINT NOT NULL DEFAULT 0,
    by_hand   BIGINT NOT NULL DEFAULT 0
);
ALTER TABLE runs ADD COLUMN first_of_job BOOLEAN;

UPDATE runs SET first_of_job = NOT EXISTS (SELECT 1 FROM runs o WHERE o.job_id = runs.job_id AND o.id <> runs.id AND (o.state = 'in_progress'
    OR (o.state = 'queued' AND (o.scheduled_for, o.created_at, o.id) < (runs.scheduled_for, runs.created_at, runs.id))))
WHERE state = 'queued';

INSERT INTO turns (tenant_id, running, due_at, turn)
SELECT t.id, (SELECT count(*) FROM runs p WHERE p.tenant_id = t.id AND p.state = 'in_progress'),
    CASE WHEN t.max_runs > 0 AND t.max_runs <= (SELECT count(*) FROM runs p WHERE p.tenant_id = t.id AND p.state = 'in_progress') THEN NULL
        ELSE (SELECT min(r.due_at) FROM runs r WHERE r.tenant_id = t.id AND r.state = 'queued' AND r.first_of_job) END,
    t.turn
FROM tenants t;

CREATE INDEX turns_waiting ON turns (running, turn, tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX turns_by_turn ON turns (turn);
CREATE UNIQUE INDEX runs_first_of_job ON runs (job_id) WHERE state = 'queued' AND first_of_job;
CREATE INDEX runs_first_by_hand ON runs (tenant_id, due_at, id) WHERE state = 'queued' AND first_of_job AND triggered_by <> 'schedule';
CREATE INDEX runs_first_by_schedule ON runs (tenant_id, due_at, id) WHERE state = 'queued' AND first_of_job AND triggered_by = 'schedule';
CREATE INDEX runs_not_started ON runs (COALESCE(nudged_at, due_at), id) WHERE state = 'queued' AND first_of_job IS NOT FALSE;
