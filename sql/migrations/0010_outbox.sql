-- All writes to a CRM are rows here first.

CREATE TABLE sync.outbox (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     text NOT NULL,
    crm              text NOT NULL DEFAULT 'pipedrive',
    entity           text NOT NULL CHECK (entity IN ('person', 'organization', 'deal', 'activity')),
    kind             text NOT NULL CHECK (kind IN ('create', 'update')),
    local_id         text,
    remote_id        bigint,
    -- Fields to write, and the values that the change was made from.
    payload          jsonb NOT NULL DEFAULT '{}',
    base             jsonb NOT NULL DEFAULT '{}',
    trigger          text NOT NULL DEFAULT 'manual'
                     CHECK (trigger IN ('manual', 'sync', 'batch', 'reconciliation')),
    priority         smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 1 AND 4),
    -- Commands of one record go in order; commands of one lane go one at a time.
    record           text NOT NULL,
    lane             text,
    -- The command that has to be delivered before this one.
    after_id         bigint REFERENCES sync.outbox (id),
    status           text NOT NULL DEFAULT 'pending'
                     CHECK (status IN ('pending', 'sending', 'delivered', 'failed', 'dead')),
    version          integer NOT NULL DEFAULT 1,
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker           bigint,
    -- When the first request left: from then on a create may be in the CRM without our knowing.
    sent_at          timestamptz,
    error            text,
    problems         jsonb NOT NULL DEFAULT '{}',
    -- What was written, so that its webhook is known for an echo.
    fingerprint      jsonb,
    who              text NOT NULL DEFAULT '',
    run_id           text,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at     timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (local_id IS NOT NULL OR remote_id IS NOT NULL OR kind = 'create')
);
-- What is open is little, whatever has been delivered.
CREATE INDEX outbox_open ON sync.outbox (workspace_id, priority, id)
    WHERE status IN ('pending', 'sending', 'failed');
CREATE INDEX outbox_by_record ON sync.outbox (workspace_id, record, id) WHERE status <> 'delivered';
CREATE INDEX outbox_by_lane ON sync.outbox (workspace_id, lane, id)
    WHERE lane IS NOT NULL AND status <> 'delivered';
CREATE INDEX outbox_by_remote ON sync.outbox (workspace_id, entity, remote_id, delivered_at);
-- One create for a row of the local side, ever: a second trigger finds the first one.
CREATE UNIQUE INDEX outbox_one_create ON sync.outbox (workspace_id, crm, entity, local_id)
    WHERE kind = 'create' AND local_id IS NOT NULL;

-- What a person has to decide.
CREATE TABLE sync.conflicts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id   text NOT NULL,
    crm            text NOT NULL,
    entity         text NOT NULL,
    local_id       text,
    remote_id      bigint,
    outbox_id      bigint REFERENCES sync.outbox (id),
    kind           text NOT NULL,
    ours           jsonb NOT NULL DEFAULT '{}',
    theirs         jsonb NOT NULL DEFAULT '{}',
    status         text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'resolved')),
    resolution     jsonb,
    resolved_by    text,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at    timestamptz
);
CREATE INDEX conflicts_open ON sync.conflicts (workspace_id, id) WHERE status = 'pending';

-- What the triggers of the local side have to know, written from the settings at every start.
CREATE TABLE sync.push_rules (
    workspace_id     text PRIMARY KEY,
    warm_lead_score  integer NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
