-- What CRMs tell us by themselves: webhook deliveries as they came, and who may bring them.

CREATE TABLE sync.inbox (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     text NOT NULL,
    crm              text NOT NULL DEFAULT 'pipedrive',
    -- The CRM's own id of the event, or a digest of the body where it names none.
    delivery_id      text NOT NULL,
    body             bytea NOT NULL,
    registration_id  bigint,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- waiting: to be applied · applied · stale: the mirror knew better already · echo: our own
    -- write · unknown: an object or version that nobody mirrors · dead: given up, can be replayed
    status           text NOT NULL DEFAULT 'waiting'
                     CHECK (status IN ('waiting', 'applied', 'stale', 'echo', 'unknown', 'dead')),
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    error            text,
    -- What the body was found to say, once it has been read.
    version          text,
    object           text,
    action           text,
    remote_id        text,
    event_at         timestamptz,
    user_id          bigint,
    source           text,
    -- The command whose write an echo told of.
    outbox_id        bigint,
    run_id           text,
    applied_at       timestamptz,
    UNIQUE (workspace_id, crm, delivery_id)
);
CREATE INDEX inbox_waiting ON sync.inbox (workspace_id, crm, next_attempt_at, id)
    WHERE status = 'waiting';
CREATE INDEX inbox_stuck ON sync.inbox (workspace_id, status, id)
    WHERE status IN ('dead', 'unknown');
CREATE INDEX inbox_by_record ON sync.inbox (workspace_id, crm, object, remote_id, event_at)
    WHERE remote_id IS NOT NULL;
CREATE INDEX inbox_by_kind ON sync.inbox (workspace_id, crm, object, action, received_at);

-- Webhooks that we had made at a CRM, with the credentials that their deliveries carry. Secrets are
-- only known by digest; a retired one is taken until its time is over, so that nothing is refused
-- that was under way.
CREATE TABLE sync.webhooks (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     text NOT NULL,
    crm              text NOT NULL,
    object           text NOT NULL,
    action           text NOT NULL,
    url              text NOT NULL,
    -- The CRM's id of it; null until the CRM has answered.
    remote_id        text,
    username         text NOT NULL UNIQUE,
    password_digest  bytea NOT NULL,
    status           text NOT NULL DEFAULT 'active'
                     CHECK (status IN ('active', 'missing', 'failing', 'retired')),
    remark           text,
    registered_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    checked_at       timestamptz,
    accepted_until   timestamptz,
    -- From when to when things may have happened without a word: before this one was made in place
    -- of one that was broken, or while nobody was there to receive; null once syncs have made up for
    -- it.
    gap_since        timestamptz,
    gap_until        timestamptz
);
CREATE INDEX webhooks_wanted ON sync.webhooks (workspace_id, crm, object, action)
    WHERE status <> 'retired';

-- When webhooks of a CRM could last be brought to any gateway.
CREATE TABLE sync.receivers (
    crm      text PRIMARY KEY,
    seen_at  timestamptz NOT NULL
);

-- Whoever waits for deliveries listens to crm_inbox; one notice for a statement, however many rows.
CREATE FUNCTION sync.announce_deliveries() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY crm_inbox;
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON sync.inbox FOR EACH STATEMENT
  EXECUTE FUNCTION sync.announce_deliveries();
