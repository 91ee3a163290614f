-- What ties rows of the local side to records of a CRM, and deliveries to the writes of ours that
-- they tell of.

-- What a record said when its local row was last compared with it, in the words that commands are
-- written in: whatever it says differently the next time has been changed over there. A link that
-- has ended stays: its row is not brought to the CRM again unless somebody asks for it.
CREATE TABLE sync.record_links (
    workspace_id   text NOT NULL,
    crm            text NOT NULL DEFAULT 'pipedrive',
    entity         text NOT NULL CHECK (entity IN ('person', 'organization', 'deal', 'activity')),
    local_id       text NOT NULL,
    remote_id      bigint NOT NULL,
    said           jsonb NOT NULL DEFAULT '{}',
    -- The record's own stamp of that state, and our time of the comparison.
    stamp          timestamptz,
    seen_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at       timestamptz,
    ended_because  text,
    PRIMARY KEY (workspace_id, crm, entity, local_id)
);
CREATE INDEX record_links_by_remote
    ON sync.record_links (workspace_id, crm, entity, remote_id);

-- Records that went into others.
CREATE TABLE sync.record_merges (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    entity        text NOT NULL,
    remote_id     bigint NOT NULL,
    merged_into   bigint NOT NULL CHECK (merged_into <> remote_id),
    noted_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, entity, remote_id)
);

-- A write makes one echo.
CREATE UNIQUE INDEX inbox_one_echo ON sync.inbox (outbox_id) WHERE outbox_id IS NOT NULL;
CREATE INDEX outbox_written ON sync.outbox (workspace_id, crm)
    WHERE status = 'delivered' AND fingerprint -> 'values' <> '{}';

-- How many writes commands have made, and of how many of them a webhook has told since.
CREATE VIEW sync.echo_balance AS
SELECT w.workspace_id, w.crm, w.writes, coalesce(e.echoes, 0) AS echoes
  FROM (SELECT o.workspace_id, o.crm, count(*) AS writes FROM sync.outbox AS o
         WHERE o.status = 'delivered' AND o.fingerprint -> 'values' <> '{}'
         GROUP BY 1, 2) AS w
  LEFT JOIN (SELECT i.workspace_id, i.crm, count(*) AS echoes FROM sync.inbox AS i
              WHERE i.outbox_id IS NOT NULL AND i.status = 'echo'
              GROUP BY 1, 2) AS e USING (workspace_id, crm);

-- Where a record is now: through all that it was merged into.
CREATE FUNCTION sync.survivor(_workspace text, _crm text, _entity text, _remote_id bigint)
RETURNS bigint LANGUAGE sql STABLE AS $$
    WITH RECURSIVE way AS (
        SELECT _remote_id AS remote_id, ARRAY[_remote_id] AS passed
        UNION ALL
        SELECT m.merged_into, w.passed || m.merged_into
          FROM way AS w
          JOIN sync.record_merges AS m
            ON m.workspace_id = _workspace AND m.crm = _crm AND m.entity = _entity
           AND m.remote_id = w.remote_id
         WHERE m.merged_into <> ALL (w.passed)
    )
    SELECT remote_id FROM way ORDER BY cardinality(passed) DESC LIMIT 1
$$;

-- The CRM does not have the records of these rows any more: the rows stay, what was to be sent of
-- them is taken back. Whoever calls holds the rows and speaks as 'sync'.
CREATE FUNCTION sync.end_links(
    _crm text, _entity text, _workspace text, _ids text[], _because text
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO sync.record_links AS l (workspace_id, crm, entity, local_id, remote_id,
                                             ended_at, ended_because)
         SELECT r.workspace_id, $1, $2, r.id, r.%1$I, clock_timestamp(), $5
           FROM app.%2$I AS r
          WHERE r.workspace_id = $3 AND r.id = ANY ($4) AND r.%1$I IS NOT NULL
             ON CONFLICT (workspace_id, crm, entity, local_id) DO UPDATE
            SET remote_id = excluded.remote_id, ended_at = excluded.ended_at,
                ended_because = excluded.ended_because',
        sync.remote_column(_entity), sync.local_table(_entity))
    USING _crm, _entity, _workspace, _ids, _because;
    EXECUTE format('UPDATE app.%I SET %I = NULL WHERE workspace_id = $1 AND id = ANY ($2)',
                   sync.local_table(_entity), sync.remote_column(_entity))
    USING _workspace, _ids;
    IF _entity = 'activity' THEN
        UPDATE app.activities SET replicated_to_pipedrive = false
         WHERE workspace_id = _workspace AND id = ANY (_ids) AND replicated_to_pipedrive;
    ELSIF _entity = 'organization' THEN
        UPDATE app.contacts SET pipedrive_org_id = NULL
         WHERE workspace_id = _workspace AND organization_id = ANY (_ids)
           AND pipedrive_org_id IS NOT NULL;
    END IF;
    PERFORM sync.cancel(_entity, '{update}', array_agg(_workspace), array_agg(k.id))
       FROM unnest(_ids) AS k (id) HAVING count(*) > 0;
    UPDATE sync.outbox AS o
       SET status = 'dead', worker = NULL, error = _because, version = o.version + 1,
           updated_at = clock_timestamp()
     WHERE o.workspace_id = _workspace AND o.crm = _crm AND o.kind = 'update'
       AND o.status IN ('pending', 'failed')
       AND o.record = ANY (SELECT _entity || '/' || k.id FROM unnest(_ids) AS k (id));
    PERFORM sync.mark(_entity, _workspace, k.id, NULL, NULL)
       FROM unnest(_ids) AS k (id) ORDER BY k.id;
END $$;

-- These rows belong to another record from now on: theirs went into it. What it says is new to them.
CREATE FUNCTION sync.move_links(
    _crm text, _entity text, _workspace text, _from bigint, _into bigint, _ids text[]
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
    EXECUTE format('UPDATE app.%I SET %I = $1 WHERE workspace_id = $2 AND id = ANY ($3)',
                   sync.local_table(_entity), sync.remote_column(_entity))
    USING _into, _workspace, _ids;
    IF _entity = 'organization' THEN
        UPDATE app.contacts SET pipedrive_org_id = _into
         WHERE workspace_id = _workspace AND organization_id = ANY (_ids)
           AND pipedrive_org_id IS DISTINCT FROM _into;
    END IF;
    INSERT INTO sync.record_links AS l (workspace_id, crm, entity, local_id, remote_id)
    SELECT _workspace, _crm, _entity, k.id, _into FROM unnest(_ids) AS k (id)
        ON CONFLICT (workspace_id, crm, entity, local_id) DO UPDATE
       SET remote_id = excluded.remote_id, said = '{}', stamp = NULL, seen_at = clock_timestamp(),
           ended_at = NULL, ended_because = NULL;
    UPDATE sync.outbox AS o
       SET remote_id = _into, version = o.version + 1, updated_at = clock_timestamp(),
           record = CASE WHEN o.record = _entity || '/#' || _from
                         THEN _entity || '/' || coalesce(
                             sync.find_local(_entity, _workspace, _into), '#' || _into)
                         ELSE o.record END
     WHERE o.workspace_id = _workspace AND o.crm = _crm AND o.entity = _entity
       AND o.remote_id = _from AND o.status IN ('pending', 'failed', 'dead');
END $$;

-- Somebody asks for a row whose record was deleted in the CRM: it may be made once more.
CREATE FUNCTION sync.ask_again(_crm text, _entity text, _workspace text, _local_id text)
RETURNS void LANGUAGE sql AS $$
    WITH ended AS (
        DELETE FROM sync.record_links
         WHERE workspace_id = _workspace AND crm = _crm AND entity = _entity
           AND local_id = _local_id AND ended_at IS NOT NULL
        RETURNING local_id
    )
    UPDATE sync.outbox AS o SET local_id = NULL FROM ended AS e
     WHERE o.workspace_id = _workspace AND o.crm = _crm AND o.entity = _entity
       AND o.local_id = e.local_id AND o.kind = 'create' AND o.status = 'delivered'
$$;

-- After a DELETE of rows: whoever comes under one of their ids is another one.
CREATE FUNCTION sync.forget_links() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    DELETE FROM sync.record_links AS l USING old_rows AS o
     WHERE l.workspace_id = o.workspace_id AND l.crm = 'pipedrive' AND l.entity = TG_ARGV[0]
       AND l.local_id = o.id;
    RETURN NULL;
END $$;

CREATE TRIGGER forget_links AFTER DELETE ON app.organizations
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.forget_links('organization');
CREATE TRIGGER forget_links AFTER DELETE ON app.contacts
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.forget_links('person');
CREATE TRIGGER forget_links AFTER DELETE ON app.deals
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.forget_links('deal');
CREATE TRIGGER forget_links AFTER DELETE ON app.activities
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.forget_links('activity');

-- One create for a row, for ever; returns how many there were none for. None for rows whose record
-- was deleted over there, unless somebody asks for it.
CREATE OR REPLACE FUNCTION sync.enqueue_creates(
    _entity text, _trigger text, _workspaces text[], _ids text[], _rows jsonb[], _after bigint[]
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    workspaces text[];
    ids text[];
BEGIN
    WITH added AS (
        INSERT INTO sync.outbox (workspace_id, entity, kind, local_id, trigger, priority, record,
                                 lane, after_id, who)
        SELECT k.workspace_id, _entity, 'create', k.id, _trigger,
               sync.push_priority(_entity, _trigger),
               _entity || '/' || k.id, sync.lane(_entity, k.now), k.after_id, session_user
          FROM unnest(_workspaces, _ids, _rows, _after) AS k (workspace_id, id, now, after_id)
         WHERE NOT EXISTS (SELECT FROM sync.record_links AS l
                            WHERE l.workspace_id = k.workspace_id AND l.crm = 'pipedrive'
                              AND l.entity = _entity AND l.local_id = k.id
                              AND l.ended_at IS NOT NULL)
         ORDER BY k.workspace_id, k.id
            ON CONFLICT DO NOTHING
        RETURNING workspace_id, local_id
    )
    SELECT array_agg(a.workspace_id), array_agg(a.local_id) INTO workspaces, ids FROM added AS a;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM sync.say_pending(_entity, workspaces, ids);
    RETURN cardinality(ids);
END $$;
