-- Stages of deals: what a stage means here, through which stages each deal went, and what its
-- changes of stage have set off.

-- What a stage of a CRM means on the local side.
CREATE TABLE sync.stage_mappings (
    workspace_id  text NOT NULL,
    crm           text NOT NULL DEFAULT 'pipedrive',
    stage_id      bigint NOT NULL CHECK (stage_id > 0),
    local_status  text CHECK (btrim(local_status) <> ''),
    probability   smallint NOT NULL CHECK (probability BETWEEN 0 AND 100),
    -- In order; each is {"action": name, "options": {…}}.
    actions       jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(actions) = 'array'),
    enabled       boolean NOT NULL DEFAULT true,
    -- Changes of stage from before this moment set nothing off, whenever they become known.
    active_since  timestamptz NOT NULL DEFAULT date_trunc('second', clock_timestamp()),
    updated_by    text NOT NULL DEFAULT '',
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, stage_id)
);

-- How far a deal's past is known. Whoever adds to the history of a deal holds its row.
CREATE TABLE sync.deal_pasts (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    deal_id       bigint NOT NULL,
    added_at      timestamptz,
    -- unread: its change log was not asked for · reading: some pages of it are there · complete:
    -- all of it is, or we were told from the first day on · silent: it was read and does not reach back · gone: the CRM has no log of it
    status        text NOT NULL DEFAULT 'unread'
                  CHECK (status IN ('unread', 'reading', 'complete', 'silent', 'gone')),
    page_token    text,
    -- What the older pages are read with: the values that the deal had at the end of the last one.
    carried       jsonb,
    tokens        bigint NOT NULL DEFAULT 0,
    read_at       timestamptz,
    PRIMARY KEY (workspace_id, crm, deal_id)
);
CREATE INDEX deal_pasts_to_read ON sync.deal_pasts (workspace_id, crm, status, deal_id DESC)
    WHERE status IN ('unread', 'reading');

-- A row for each time that a deal came into a stage. Webhooks, the mirror and the CRM's change log
-- tell of the same one by deal, stage and second.
CREATE TABLE sync.stage_history (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id        text NOT NULL,
    crm                 text NOT NULL,
    deal_id             bigint NOT NULL,
    stage_id            bigint NOT NULL,
    -- Null for the stage that the deal was made in. Where nobody told it, it is the stage before.
    previous_stage_id   bigint,
    previous_told       boolean NOT NULL DEFAULT false,
    changed_at          timestamptz NOT NULL CHECK (changed_at = date_trunc('second', changed_at)),
    left_at             timestamptz CHECK (left_at >= changed_at),
    duration_in_stage   interval GENERATED ALWAYS AS (left_at - changed_at) STORED,
    changed_by_user_id  bigint,
    probability         numeric CHECK (probability BETWEEN 0 AND 100),
    deal_value          numeric,
    currency            text,
    pipeline_id         bigint,
    -- The best source that told of it; inferred: the stage before the first change that is known.
    source              text NOT NULL
                        CHECK (source IN ('webhook', 'mirror', 'change_log', 'inferred')),
    -- As finely as it is known, for the order within one second.
    moved_at            timestamptz NOT NULL,
    -- Our own write, which sets nothing off.
    silent              boolean NOT NULL DEFAULT false,
    -- When it was decided what it sets off; once.
    acted_at            timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (workspace_id, crm, deal_id, changed_at, stage_id),
    -- A deal is in one stage at a time. Texts have no place in such an index without an extension;
    -- a number made of them has.
    CONSTRAINT one_stage_at_a_time EXCLUDE USING gist (
        int8range(hashtextextended(workspace_id || '/' || crm, deal_id) >> 1,
                  hashtextextended(workspace_id || '/' || crm, deal_id) >> 1, '[]') WITH &&,
        tstzrange(changed_at, left_at) WITH &&
    ) DEFERRABLE INITIALLY DEFERRED
);

-- What a change of stage sets off: a row for each action, made with the decision.
CREATE TABLE sync.stage_actions (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     text NOT NULL,
    crm              text NOT NULL,
    history_id       bigint NOT NULL REFERENCES sync.stage_history ON DELETE CASCADE,
    position         smallint NOT NULL,
    action           text NOT NULL,
    options          jsonb NOT NULL DEFAULT '{}',
    -- The stage's probability as it was mapped when the deal came into it.
    probability      smallint NOT NULL,
    status           text NOT NULL DEFAULT 'waiting'
                     CHECK (status IN ('waiting', 'done', 'failed', 'skipped')),
    outcome          text,
    -- What later actions want to know of it.
    result           jsonb NOT NULL DEFAULT '{}',
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id           text,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at       timestamptz,
    UNIQUE (history_id, position)
);
CREATE INDEX stage_actions_waiting ON sync.stage_actions (workspace_id, crm, next_attempt_at, id)
    WHERE status = 'waiting';
CREATE INDEX stage_actions_latest ON sync.stage_actions (workspace_id, id);

-- The local side: what actions change. The CRM is not told of these columns.
ALTER TABLE app.contacts
    ADD COLUMN lead_status text CHECK (btrim(lead_status) <> ''),
    ADD COLUMN lead_score  smallint CHECK (lead_score BETWEEN 0 AND 100);

-- Which contact is in which campaign, and which change of which deal's stage did that.
CREATE TABLE app.campaign_memberships (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  text NOT NULL DEFAULT 'default',
    campaign      text NOT NULL CHECK (btrim(campaign) <> ''),
    contact_id    text NOT NULL,
    -- The deal as the CRM numbers it.
    deal_id       bigint,
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'stopped')),
    since         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it ended; of an active one, when it is to end, if at all.
    until         timestamptz,
    -- Rows of sync.stage_history.
    started_by    bigint,
    stopped_by    bigint,
    FOREIGN KEY (workspace_id, contact_id) REFERENCES app.contacts (workspace_id, id)
        ON DELETE CASCADE
);
CREATE UNIQUE INDEX one_active_membership ON app.campaign_memberships
    (workspace_id, campaign, contact_id) WHERE status = 'active';
CREATE INDEX campaign_memberships_by_contact ON app.campaign_memberships
    (workspace_id, contact_id);

-- Which of two sources knows better.
CREATE FUNCTION sync.trust(_source text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position('{inferred,mirror,webhook,change_log}'::text[], _source)
$$;

-- The stage that a deal was made in, as far as its first known change tells; and when each stage was
-- left, from all that is known by now. The order in which it became known does not matter.
-- Plans are made while nothing is known of how many deals come at once: joins by hash do for any.
CREATE FUNCTION sync.order_stages(_workspace text, _crm text, _deals bigint[])
RETURNS void LANGUAGE plpgsql
SET enable_nestloop = off SET enable_seqscan = off SET jit = off AS $$
BEGIN
    WITH first AS (
        SELECT DISTINCT ON (h.deal_id) h.deal_id, h.changed_at, h.previous_told,
               h.previous_stage_id AS stage_id, date_trunc('second', p.added_at) AS added_at
          FROM sync.stage_history AS h JOIN sync.deal_pasts AS p USING (deal_id)
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (_deals)
           AND p.workspace_id = _workspace AND p.crm = _crm AND p.deal_id = ANY (_deals)
           AND h.source <> 'inferred'
         ORDER BY h.deal_id, h.changed_at, h.moved_at, h.stage_id
    ), wanted AS (
        SELECT * FROM first
         WHERE previous_told AND stage_id IS NOT NULL AND added_at <= changed_at
    ), wrong AS (
        DELETE FROM sync.stage_history AS h
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (_deals)
           AND h.source = 'inferred'
           AND NOT EXISTS (SELECT FROM wanted AS w
                            WHERE (w.deal_id, w.stage_id, w.added_at)
                                  = (h.deal_id, h.stage_id, h.changed_at))
    )
    INSERT INTO sync.stage_history (workspace_id, crm, deal_id, stage_id, previous_told, changed_at,
                                    source, moved_at)
    SELECT _workspace, _crm, w.deal_id, w.stage_id, true, w.added_at, 'inferred', w.added_at
      FROM wanted AS w
    ON CONFLICT (workspace_id, crm, deal_id, changed_at, stage_id) DO NOTHING;

    UPDATE sync.stage_history AS h
       SET left_at = w.left_at,
           previous_stage_id = CASE WHEN h.previous_told THEN h.previous_stage_id
                                    ELSE w.stage_before END
      FROM (SELECT s.id, lead(s.changed_at) OVER deal AS left_at,
                   lag(s.stage_id) OVER deal AS stage_before
              FROM sync.stage_history AS s
             WHERE s.workspace_id = _workspace AND s.crm = _crm AND s.deal_id = ANY (_deals)
            WINDOW deal AS (PARTITION BY s.deal_id
                            ORDER BY s.changed_at, s.moved_at, s.stage_id)) AS w
     WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (_deals)
       AND h.id = w.id
       AND (h.left_at IS DISTINCT FROM w.left_at
            OR NOT h.previous_told AND h.previous_stage_id IS DISTINCT FROM w.stage_before);

    -- Of a deal that we were told of when it was made, nothing is left to be read.
    UPDATE sync.deal_pasts AS p SET status = 'complete', read_at = clock_timestamp()
     WHERE p.workspace_id = _workspace AND p.crm = _crm AND p.deal_id = ANY (_deals)
       AND p.status = 'unread'
       AND EXISTS (SELECT FROM sync.stage_history AS h
                    WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = p.deal_id
                      AND h.deal_id = ANY (_deals) AND h.source = 'webhook' AND h.previous_told
                      AND h.previous_stage_id IS NULL);
END $$;

-- Whether a deal came into a stage by what we wrote; null while that is not known yet.
CREATE FUNCTION sync.is_own_move(_move sync.stage_history) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN bool_or(o.status = 'delivered'
                             AND abs(extract(epoch FROM (o.fingerprint ->> 'update_time')::timestamptz
                                                        - _move.changed_at)) <= 2) THEN true
                WHEN bool_or(o.status = 'sending') THEN NULL
                ELSE false END
      FROM sync.outbox AS o
     WHERE o.workspace_id = _move.workspace_id AND o.crm = _move.crm AND o.entity = 'deal'
       AND o.remote_id = _move.deal_id AND o.status IN ('sending', 'delivered')
       AND (coalesce(o.fingerprint -> 'values', o.payload) ->> 'stage_id' = _move.stage_id::text
            OR o.kind = 'create' AND _move.previous_stage_id IS NULL)
$$;

-- Decides, once for each change of stage, what it sets off: nothing if it was our own or happened
-- before the stage was mapped. What the deal has left already is written down as skipped.
CREATE FUNCTION sync.set_off_stages(_workspace text, _crm text, _deals bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH found AS (
        SELECT h.id, h.left_at, h.silent OR sync.is_own_move(h) AS silent,
               m.probability, m.local_status, m.actions
          FROM sync.stage_history AS h
          JOIN sync.stage_mappings AS m USING (workspace_id, crm, stage_id)
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (_deals)
           AND h.acted_at IS NULL AND h.source <> 'inferred'
           AND m.enabled AND h.changed_at >= m.active_since
    ), decided AS (
        UPDATE sync.stage_history AS h SET acted_at = clock_timestamp(), silent = f.silent
          FROM found AS f WHERE h.id = f.id AND f.silent IS NOT NULL
    )
    INSERT INTO sync.stage_actions (workspace_id, crm, history_id, position, action, options,
                                    probability, status, outcome, settled_at)
    SELECT _workspace, _crm, f.id, a.position, a.action, a.options, f.probability,
           CASE WHEN f.left_at IS NULL THEN 'waiting' ELSE 'skipped' END,
           CASE WHEN f.left_at IS NOT NULL
                THEN 'the deal had left the stage when this became known' END,
           CASE WHEN f.left_at IS NOT NULL THEN clock_timestamp() END
      FROM found AS f,
           LATERAL (SELECT 0 AS position, 'set_lead_status' AS action,
                           jsonb_build_object('status', f.local_status) AS options
                     WHERE f.local_status IS NOT NULL
                    UNION ALL
                    SELECT w.number, w.wanted ->> 'action', coalesce(w.wanted -> 'options', '{}')
                      FROM jsonb_array_elements(f.actions) WITH ORDINALITY AS w (wanted, number)
                   ) AS a
     WHERE NOT f.silent
     ORDER BY f.id, a.position;
END $$;

-- Adds to the history what is told of deals, as a JSON array, whatever of it is known already; the
-- ids of rows that are new. Takes hold of the deals, in order.
CREATE FUNCTION sync.note_stages(_workspace text, _crm text, _told jsonb)
RETURNS bigint[] LANGUAGE plpgsql
SET enable_nestloop = off SET enable_seqscan = off SET jit = off AS $$
DECLARE
    deals bigint[];
    fresh bigint[];
BEGIN
    WITH held AS (
        INSERT INTO sync.deal_pasts AS p (workspace_id, crm, deal_id, added_at)
        SELECT _workspace, _crm, t.deal_id, min(t.added_at)
          FROM jsonb_to_recordset(_told) AS t (deal_id bigint, added_at timestamptz)
         GROUP BY t.deal_id ORDER BY t.deal_id
        ON CONFLICT (workspace_id, crm, deal_id) DO UPDATE
           SET added_at = coalesce(p.added_at, excluded.added_at)
        RETURNING p.deal_id)
    SELECT array_agg(h.deal_id) INTO deals FROM held AS h;
    WITH told AS (
        SELECT DISTINCT ON (t.deal_id, t.changed_at, t.stage_id) t.*,
               bool_or(t.silent) OVER (PARTITION BY t.deal_id, t.changed_at, t.stage_id) AS own
          FROM jsonb_to_recordset(_told) AS t (
               deal_id bigint, stage_id bigint, previous_stage_id bigint, previous_told boolean,
               changed_at timestamptz, moved_at timestamptz, user_id bigint, probability numeric,
               value numeric, currency text, pipeline_id bigint, source text, silent boolean)
         WHERE t.stage_id IS NOT NULL
         ORDER BY t.deal_id, t.changed_at, t.stage_id, sync.trust(t.source) DESC, t.moved_at DESC
    ), known AS (
        SELECT h.* FROM sync.stage_history AS h
          JOIN told AS t ON t.deal_id = h.deal_id AND t.stage_id = h.stage_id
                        AND t.changed_at = h.changed_at
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (deals)
    ), better AS (
        UPDATE sync.stage_history AS h
           SET previous_stage_id = CASE WHEN t.previous_told THEN t.previous_stage_id
                                        ELSE h.previous_stage_id END,
               previous_told = h.previous_told OR t.previous_told,
               changed_by_user_id = coalesce(t.user_id, h.changed_by_user_id),
               probability = coalesce(t.probability, h.probability),
               deal_value = coalesce(t.value, h.deal_value),
               currency = coalesce(t.currency, h.currency),
               pipeline_id = coalesce(t.pipeline_id, h.pipeline_id),
               source = t.source, moved_at = t.moved_at, silent = h.silent OR t.own
          FROM told AS t JOIN known AS k USING (deal_id, stage_id, changed_at)
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (deals)
           AND h.id = k.id
           AND (sync.trust(t.source), t.moved_at) > (sync.trust(k.source), k.moved_at)
    ), fuller AS (
        UPDATE sync.stage_history AS h
           SET previous_stage_id = CASE WHEN h.previous_told THEN h.previous_stage_id
                                        ELSE t.previous_stage_id END,
               previous_told = h.previous_told OR t.previous_told,
               changed_by_user_id = coalesce(h.changed_by_user_id, t.user_id),
               probability = coalesce(h.probability, t.probability),
               deal_value = coalesce(h.deal_value, t.value),
               currency = coalesce(h.currency, t.currency),
               pipeline_id = coalesce(h.pipeline_id, t.pipeline_id),
               silent = h.silent OR t.own
          FROM told AS t JOIN known AS k USING (deal_id, stage_id, changed_at)
         WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = ANY (deals)
           AND h.id = k.id
           AND (sync.trust(t.source), t.moved_at) <= (sync.trust(k.source), k.moved_at)
    ), added AS (
        INSERT INTO sync.stage_history
               (workspace_id, crm, deal_id, stage_id, previous_stage_id, previous_told, changed_at,
                changed_by_user_id, probability, deal_value, currency, pipeline_id, source,
                moved_at, silent)
        SELECT _workspace, _crm, t.deal_id, t.stage_id, t.previous_stage_id, t.previous_told,
               t.changed_at, t.user_id, coalesce(t.probability, m.probability), t.value, t.currency,
               t.pipeline_id, t.source, t.moved_at, t.own
          FROM told AS t
          LEFT JOIN sync.stage_mappings AS m
            ON m.workspace_id = _workspace AND m.crm = _crm AND m.stage_id = t.stage_id
           AND m.enabled AND t.changed_at >= m.active_since
         WHERE NOT EXISTS (SELECT FROM known AS k
                            WHERE (k.deal_id, k.stage_id, k.changed_at)
                                  = (t.deal_id, t.stage_id, t.changed_at))
        RETURNING id)
    SELECT coalesce(array_agg(a.id), '{}') INTO fresh FROM added AS a;
    PERFORM sync.order_stages(_workspace, _crm, deals);
    PERFORM sync.set_off_stages(_workspace, _crm, deals);
    RETURN fresh;
END $$;

-- Adds what the mirror shows and nobody told: the stage that each deal is in, since when. How many
-- rows are new; null when there is nothing left to look at.
CREATE FUNCTION sync.complete_stages(_workspace text, _crm text, _most integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    told jsonb;
BEGIN
    IF _crm <> 'pipedrive' OR to_regclass('pipedrive.deals') IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT jsonb_agg(to_jsonb(f)) INTO told
      FROM (SELECT d.id AS deal_id, d.stage_id, NULL::bigint AS previous_stage_id,
                   d.stage_change_time IS NULL AS previous_told, s.changed_at,
                   s.changed_at + interval '0.999999 s' AS moved_at, d.add_time AS added_at,
                   CASE WHEN d.stage_change_time IS NULL THEN d.creator_user_id END AS user_id,
                   CASE WHEN d.probability BETWEEN 0 AND 100 THEN d.probability END AS probability,
                   d.value, d.currency, d.pipeline_id, 'mirror' AS source, false AS silent
              FROM pipedrive.deals AS d
              LEFT JOIN sync.deal_pasts AS p
                ON p.workspace_id = d.workspace_id AND p.crm = _crm AND p.deal_id = d.id,
                   LATERAL (SELECT date_trunc('second', coalesce(d.stage_change_time, d.add_time))
                                AS changed_at) AS s
             WHERE d.workspace_id = _workspace AND d.stage_id IS NOT NULL
               AND s.changed_at IS NOT NULL
               AND (p.deal_id IS NULL OR p.added_at IS NULL AND d.add_time IS NOT NULL
                    OR NOT EXISTS (
                       SELECT FROM sync.stage_history AS h
                        WHERE h.workspace_id = _workspace AND h.crm = _crm AND h.deal_id = d.id
                          AND h.changed_at = s.changed_at AND h.stage_id = d.stage_id))
             ORDER BY d.id LIMIT _most) AS f;
    IF told IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN cardinality(sync.note_stages(_workspace, _crm, told));
END $$;
