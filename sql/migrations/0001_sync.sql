-- The bookkeeping of syncs: what ran, how far it is safe, what was rejected, what was spent.

CREATE SCHEMA sync;

-- Dagster keeps its runs, events and schedules here; it makes its tables itself.
CREATE SCHEMA IF NOT EXISTS dagster;

-- One row for every sync of one stream, also for those that failed or paused.
CREATE TABLE sync.runs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id        text NOT NULL,
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    mode          text NOT NULL,
    "window"      tstzrange,
    status        text NOT NULL CHECK (status IN ('success', 'partial', 'failed', 'paused')),
    processed     bigint NOT NULL DEFAULT 0,
    created       bigint NOT NULL DEFAULT 0,
    updated       bigint NOT NULL DEFAULT 0,
    unchanged     bigint NOT NULL DEFAULT 0,
    rejected      bigint NOT NULL DEFAULT 0,
    deleted       bigint NOT NULL DEFAULT 0,
    api_calls     bigint NOT NULL DEFAULT 0,
    tokens        bigint NOT NULL DEFAULT 0,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    error         text,
    metrics       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX runs_by_stream ON sync.runs (workspace_id, crm, stream, id DESC);
CREATE INDEX runs_by_run ON sync.runs (run_id);

-- The highest point safely stored: everything the CRM showed before it is in the mirror.
CREATE TABLE sync.watermarks (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    watermark     timestamptz NOT NULL,
    run_id        text NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, stream)
);

-- The resume point inside an unfinished run: which chunks lie in the staging store, what comes next.
CREATE TABLE sync.checkpoints (
    key           text PRIMARY KEY,
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    slice         jsonb NOT NULL,
    place         jsonb,
    chunks        jsonb NOT NULL DEFAULT '[]',
    fields        jsonb NOT NULL DEFAULT '[]',
    complete      boolean NOT NULL DEFAULT false,
    api_calls     bigint NOT NULL DEFAULT 0,
    tokens        bigint NOT NULL DEFAULT 0,
    started_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX checkpoints_by_stream ON sync.checkpoints (workspace_id, crm, stream);

-- Records that did not pass, as they came, with a reason per field. They leave when they pass.
CREATE TABLE sync.rejected_records (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    record_id     text NOT NULL,
    raw           jsonb NOT NULL,
    reasons       jsonb NOT NULL,
    run_id        text NOT NULL,
    rejected_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, stream, record_id)
);

-- The day's budget of one account; days are counted in UTC.
CREATE TABLE sync.budgets (
    workspace_id     text NOT NULL,
    crm              text NOT NULL,
    day              date NOT NULL,
    spent            bigint NOT NULL,
    observed_limit   bigint,
    exhausted_until  timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, day)
);

-- When the last requests of a kind were, or will be, sent: the memory of a rolling window.
CREATE TABLE sync.bursts (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    kind          text NOT NULL,
    slots         timestamptz[] NOT NULL,
    PRIMARY KEY (workspace_id, crm, kind)
);

-- What was spent on which stream, by day.
CREATE TABLE sync.token_usage (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    day           date NOT NULL,
    tokens        bigint NOT NULL,
    calls         bigint NOT NULL,
    PRIMARY KEY (workspace_id, crm, stream, day)
);
