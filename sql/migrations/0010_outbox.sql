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
    after_id         bigint,
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
CREATE INDEX outbox_waiting ON sync.outbox (workspace_id, crm, priority, id)
    WHERE status IN ('pending', 'failed');
CREATE INDEX outbox_sending ON sync.outbox (worker) WHERE status = 'sending';
CREATE INDEX outbox_stuck ON sync.outbox (workspace_id, status, id)
    WHERE status IN ('failed', 'dead');
CREATE INDEX outbox_by_record ON sync.outbox (workspace_id, record, id) WHERE status <> 'delivered';
CREATE INDEX outbox_by_lane ON sync.outbox (workspace_id, lane, id)
    WHERE lane IS NOT NULL AND status <> 'delivered';
CREATE INDEX outbox_history ON sync.outbox (workspace_id, record, id);
CREATE INDEX outbox_by_remote ON sync.outbox (workspace_id, entity, remote_id, delivered_at)
    WHERE remote_id IS NOT NULL;
-- One create for a row of the local side, ever: a second trigger finds the first one.
CREATE UNIQUE INDEX outbox_one_create ON sync.outbox (workspace_id, crm, entity, local_id)
    WHERE kind = 'create' AND local_id IS NOT NULL;

-- Numbers of workers: the session that works for one holds the advisory lock (7421009, number).
CREATE SEQUENCE sync.worker_numbers MAXVALUE 2147483647 CYCLE;

-- Commands whose turn it is. Those of one record go in the order in which they were made, one at a
-- time; a create that is dead holds back what comes after it. Those of one lane go one at a time.
CREATE VIEW sync.commands_in_turn AS
SELECT o.id, o.workspace_id, o.crm, o.status, o.priority, o.version
  FROM sync.outbox AS o
 WHERE o.status IN ('pending', 'failed')
   AND o.next_attempt_at <= clock_timestamp()
   AND NOT EXISTS (
       SELECT FROM sync.outbox AS b
        WHERE b.workspace_id = o.workspace_id AND b.crm = o.crm AND b.record = o.record
          AND b.id <> o.id AND b.status <> 'delivered'
          AND (b.status = 'sending'
               OR (b.id < o.id AND (b.status IN ('pending', 'failed') OR b.kind = 'create'))))
   AND NOT EXISTS (
       SELECT FROM sync.outbox AS b
        WHERE b.workspace_id = o.workspace_id AND b.crm = o.crm AND b.lane = o.lane
          AND b.lane IS NOT NULL AND b.id <> o.id AND b.status <> 'delivered'
          AND (b.status = 'sending' OR (b.id < o.id AND b.status IN ('pending', 'failed'))))
   AND NOT EXISTS (
       SELECT FROM sync.outbox AS b WHERE b.id = o.after_id AND b.status <> 'delivered');

-- Gives commands into a worker's hands: those that are still as he saw them and whose turn it is.
-- Claims of an account go one after the other, so that no two of a record or lane are given out;
-- a row that a change is being folded into is passed over, its turn comes when that is committed.
CREATE FUNCTION sync.claim(_worker bigint, _ids bigint[], _versions integer[])
RETURNS SETOF sync.outbox LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7421011, a.account)
       FROM (SELECT DISTINCT hashtext(o.workspace_id || '/' || o.crm) AS account
               FROM sync.outbox AS o WHERE o.id = ANY (_ids) ORDER BY 1) AS a;
    RETURN QUERY
    WITH chosen AS (
        SELECT o.id
          FROM unnest(_ids, _versions) AS w (id, version)
          JOIN sync.outbox AS o ON o.id = w.id AND o.version = w.version
         WHERE o.status IN ('pending', 'failed')
           AND EXISTS (SELECT FROM sync.commands_in_turn AS t WHERE t.id = o.id)
         ORDER BY o.id
           FOR NO KEY UPDATE OF o SKIP LOCKED
    )
    UPDATE sync.outbox AS o
       SET status = 'sending', worker = _worker, attempts = o.attempts + 1,
           version = o.version + 1, updated_at = clock_timestamp()
      FROM chosen AS c WHERE o.id = c.id
    RETURNING o.*;
END $$;

-- Whoever listens hears of new commands when their transaction commits.
CREATE FUNCTION sync.ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added) THEN
        PERFORM pg_notify('crm_outbox', '');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ring AFTER INSERT ON sync.outbox
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sync.ring();

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
