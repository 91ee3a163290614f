-- Making commands of changes of the local side. Functions take whole sets: a statement that changes
-- ten thousand rows calls each of them once. Nothing here changes a row of the local side but its
-- update_sync_status.

-- From this score on a contact is a warm lead.
CREATE FUNCTION sync.warm_lead_score(_workspace text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT r.warm_lead_score FROM sync.push_rules AS r
                      WHERE r.workspace_id = _workspace), 4)
$$;

CREATE FUNCTION sync.local_table(_entity text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE _entity WHEN 'person' THEN 'contacts' WHEN 'organization' THEN 'organizations'
                        WHEN 'deal' THEN 'deals' WHEN 'activity' THEN 'activities' END
$$;

-- Warm leads and changes of records go first, activities after them, repairs last; the numbers are
-- those of the budget's priorities.
CREATE FUNCTION sync.push_priority(_entity text, _trigger text)
RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN _trigger = 'reconciliation' THEN 4 WHEN _entity = 'activity' THEN 2 ELSE 1
           END::smallint
$$;

-- Creates that may mean the same record of the CRM stand in one lane.
CREATE FUNCTION sync.lane(_entity text, _row jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE _entity
           WHEN 'person' THEN 'email:' || nullif(lower(btrim(_row ->> 'email')), '')
           WHEN 'organization' THEN 'org:' || lower(btrim(_row ->> 'name'))
           WHEN 'activity' THEN 'contact/' || (_row ->> 'contact_id') END
$$;

-- The create of a local row, if it is still to be delivered.
CREATE FUNCTION sync.undelivered_create(_workspace text, _entity text, _id text)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT o.id FROM sync.outbox AS o
     WHERE o.workspace_id = _workspace AND o.record = _entity || '/' || _id
       AND o.crm = 'pipedrive' AND o.kind = 'create' AND o.status <> 'delivered'
$$;

-- Says from whom the following changes of this transaction come; returns whom they came from before.
CREATE FUNCTION sync.speak_as(_origin text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('crm_pipelines.origin', true), '');
BEGIN
    PERFORM set_config('crm_pipelines.origin', _origin, true);
    RETURN before;
END $$;

-- Rows that wait for the CRM say so.
CREATE FUNCTION sync.say_pending(_entity text, _workspaces text[], _ids text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    origin text := sync.speak_as('state');
BEGIN
    EXECUTE format(
        'UPDATE app.%I AS r SET update_sync_status = ''PENDING''
           FROM unnest($1, $2) AS k (workspace_id, id)
          WHERE r.workspace_id = k.workspace_id AND r.id = k.id
            AND r.update_sync_status <> ''PENDING''', sync.local_table(_entity))
    USING _workspaces, _ids;
    PERFORM sync.speak_as(origin);
END $$;

-- One create for a row, for ever; returns how many there were none for.
CREATE FUNCTION sync.enqueue_creates(
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

-- Organizations of the local side that the CRM is to have.
CREATE FUNCTION sync.enqueue_organizations(_trigger text, _workspaces text[], _ids text[])
RETURNS integer LANGUAGE sql AS $$
    SELECT sync.enqueue_creates('organization', _trigger, array_agg(o.workspace_id),
                                array_agg(o.id), array_agg(to_jsonb(o)),
                                array_agg(NULL::bigint))
      FROM (SELECT DISTINCT k.workspace_id, k.id
              FROM unnest(_workspaces, _ids) AS k (workspace_id, id)) AS k
      JOIN app.organizations AS o ON o.workspace_id = k.workspace_id AND o.id = k.id
     WHERE o.pipedrive_org_id IS NULL
       AND NOT EXISTS (SELECT FROM sync.outbox AS c
                        WHERE c.workspace_id = o.workspace_id AND c.crm = 'pipedrive'
                          AND c.entity = 'organization' AND c.local_id = o.id
                          AND c.kind = 'create')
    HAVING count(*) > 0
$$;

-- Of these contacts, the warm ones that the CRM does not have; their organizations first.
CREATE FUNCTION sync.enqueue_leads(_trigger text, _workspaces text[], _ids text[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    leads app.contacts[];
    added integer;
BEGIN
    SELECT array_agg(c ORDER BY c.workspace_id, c.id) INTO leads
      FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
      JOIN app.contacts AS c ON c.workspace_id = k.workspace_id AND c.id = k.id
     WHERE c.pipedrive_person_id IS NULL
       AND c.warmness_score >= sync.warm_lead_score(c.workspace_id)
       AND NOT EXISTS (SELECT FROM sync.outbox AS o
                        WHERE o.workspace_id = c.workspace_id AND o.crm = 'pipedrive'
                          AND o.entity = 'person' AND o.local_id = c.id AND o.kind = 'create');
    IF leads IS NULL THEN
        RETURN 0;
    END IF;
    SELECT coalesce(sync.enqueue_organizations(
               _trigger, array_agg(l.workspace_id), array_agg(l.organization_id)), 0)
      INTO added FROM unnest(leads) AS l WHERE l.organization_id IS NOT NULL;
    SELECT added + sync.enqueue_creates('person', _trigger, array_agg(l.workspace_id),
               array_agg(l.id), array_agg(to_jsonb(l)), array_agg(o.id))
      INTO added FROM unnest(leads) AS l
      LEFT JOIN sync.outbox AS o
        ON o.workspace_id = l.workspace_id AND o.crm = 'pipedrive' AND o.entity = 'organization'
       AND o.local_id = l.organization_id AND o.kind = 'create' AND o.status <> 'delivered';
    RETURN added + sync.enqueue_children(_trigger, array(SELECT l.workspace_id FROM unnest(leads) AS l),
                                         array(SELECT l.id FROM unnest(leads) AS l));
END $$;

-- Deals and activities of contacts that the CRM has, or will have.
CREATE FUNCTION sync.enqueue_children(_trigger text, _workspaces text[], _contacts text[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    deals integer;
    activities integer;
BEGIN
    SELECT coalesce(sync.enqueue_deals(_trigger, array_agg(d)), 0) INTO deals
      FROM unnest(_workspaces, _contacts) AS k (workspace_id, id)
      JOIN app.deals AS d ON d.workspace_id = k.workspace_id AND d.contact_id = k.id
     WHERE d.pipedrive_deal_id IS NULL;
    SELECT coalesce(sync.enqueue_activities(_trigger, array_agg(a)), 0) INTO activities
      FROM unnest(_workspaces, _contacts) AS k (workspace_id, id)
      JOIN app.activities AS a ON a.workspace_id = k.workspace_id AND a.contact_id = k.id
     WHERE a.pipedrive_activity_id IS NULL;
    RETURN deals + activities;
END $$;

-- Those of these deals whose contact or organization the CRM has, or will have.
CREATE FUNCTION sync.enqueue_deals(_trigger text, _deals app.deals[])
RETURNS integer LANGUAGE sql AS $$
    SELECT sync.enqueue_creates('deal', _trigger, array_agg(d.workspace_id), array_agg(d.id),
                                array_agg(to_jsonb(d)), array_agg(coalesce(p.id, g.id)))
      FROM unnest(_deals) AS d
      LEFT JOIN app.contacts AS c ON c.workspace_id = d.workspace_id AND c.id = d.contact_id
      LEFT JOIN app.organizations AS o
        ON o.workspace_id = d.workspace_id AND o.id = d.organization_id
      LEFT JOIN sync.outbox AS p
        ON p.workspace_id = d.workspace_id AND p.crm = 'pipedrive' AND p.entity = 'person'
       AND p.local_id = d.contact_id AND p.kind = 'create' AND p.status <> 'delivered'
      LEFT JOIN sync.outbox AS g
        ON g.workspace_id = d.workspace_id AND g.crm = 'pipedrive' AND g.entity = 'organization'
       AND g.local_id = d.organization_id AND g.kind = 'create' AND g.status <> 'delivered'
     WHERE d.pipedrive_deal_id IS NULL
       AND coalesce(c.pipedrive_person_id, p.id, o.pipedrive_org_id, g.id) IS NOT NULL
    HAVING count(*) > 0
$$;

-- Those of these activities whose contact the CRM has, or will have.
CREATE FUNCTION sync.enqueue_activities(_trigger text, _activities app.activities[])
RETURNS integer LANGUAGE sql AS $$
    SELECT sync.enqueue_creates('activity', _trigger, array_agg(a.workspace_id), array_agg(a.id),
                                array_agg(to_jsonb(a)), array_agg(coalesce(d.id, p.id)))
      FROM unnest(_activities) AS a
      JOIN app.contacts AS c ON c.workspace_id = a.workspace_id AND c.id = a.contact_id
      LEFT JOIN sync.outbox AS p
        ON p.workspace_id = a.workspace_id AND p.crm = 'pipedrive' AND p.entity = 'person'
       AND p.local_id = a.contact_id AND p.kind = 'create' AND p.status <> 'delivered'
      LEFT JOIN sync.outbox AS d
        ON d.workspace_id = a.workspace_id AND d.crm = 'pipedrive' AND d.entity = 'deal'
       AND d.local_id = a.deal_id AND d.kind = 'create' AND d.status <> 'delivered'
     WHERE a.pipedrive_activity_id IS NULL
       AND coalesce(c.pipedrive_person_id, p.id) IS NOT NULL
    HAVING count(*) > 0
$$;

-- Changes of rows that the CRM has, or will have. A create that was not sent yet reads its row when
-- it is; a change of a row whose last command nobody has tried yet is folded into that command.
CREATE FUNCTION sync.enqueue_updates(
    _entity text, _workspaces text[], _ids text[], _remote_ids bigint[], _rows jsonb[],
    _payloads jsonb[], _bases jsonb[], _after bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    workspaces text[];
    ids text[];
BEGIN
    WITH changed AS (
        SELECT k.*, _entity || '/' || k.id AS record
          FROM unnest(_workspaces, _ids, _remote_ids, _rows, _payloads, _bases, _after)
               AS k (workspace_id, id, remote_id, now, payload, base, after_id)
    ),
    renewed AS (
        UPDATE sync.outbox AS o
           SET version = o.version + 1, lane = sync.lane(_entity, c.now),
               after_id = coalesce(c.after_id, o.after_id),
               -- one that died of its values may live with others
               status = CASE WHEN o.problems <> '{}' THEN 'pending' ELSE o.status END,
               attempts = CASE WHEN o.problems <> '{}' THEN 0 ELSE o.attempts END,
               next_attempt_at = CASE WHEN o.problems <> '{}' THEN clock_timestamp()
                                      ELSE o.next_attempt_at END,
               problems = '{}', updated_at = clock_timestamp()
          FROM changed AS c
         WHERE o.workspace_id = c.workspace_id AND o.record = c.record AND o.crm = 'pipedrive'
           AND o.kind = 'create' AND o.status IN ('pending', 'failed', 'dead')
           AND o.sent_at IS NULL
        RETURNING o.workspace_id, o.local_id, o.status
    ),
    folded AS (
        UPDATE sync.outbox AS o
           SET payload = o.payload || c.payload, base = c.base || o.base,
               version = o.version + 1, after_id = coalesce(c.after_id, o.after_id),
               updated_at = clock_timestamp()
          FROM changed AS c
         WHERE o.workspace_id = c.workspace_id AND o.record = c.record AND o.crm = 'pipedrive'
           AND o.kind = 'update' AND o.status = 'pending' AND o.attempts = 0
           AND o.sent_at IS NULL
           AND o.trigger IN ('sync', 'reconciliation')
           AND NOT EXISTS (SELECT FROM sync.outbox AS l
                            WHERE l.workspace_id = o.workspace_id AND l.record = o.record
                              AND l.crm = o.crm AND l.id > o.id)
        RETURNING o.workspace_id, o.local_id, o.status
    ),
    added AS (
        INSERT INTO sync.outbox (workspace_id, entity, kind, local_id, remote_id, payload, base,
                                 trigger, priority, record, after_id, who)
        SELECT c.workspace_id, _entity, 'update', c.id, c.remote_id, c.payload, c.base, 'sync',
               sync.push_priority(_entity, 'sync'),
               c.record, c.after_id, session_user
          FROM changed AS c
         WHERE NOT EXISTS (SELECT FROM renewed AS r
                            WHERE r.workspace_id = c.workspace_id AND r.local_id = c.id)
           AND NOT EXISTS (SELECT FROM folded AS f
                            WHERE f.workspace_id = c.workspace_id AND f.local_id = c.id)
           AND (c.remote_id IS NOT NULL
                OR EXISTS (SELECT FROM sync.outbox AS o
                            WHERE o.workspace_id = c.workspace_id AND o.crm = 'pipedrive'
                              AND o.entity = _entity AND o.local_id = c.id
                              AND o.kind = 'create' AND o.status <> 'delivered'))
         ORDER BY c.workspace_id, c.id
        RETURNING workspace_id, local_id
    ),
    touched AS (
        SELECT r.workspace_id, r.local_id FROM renewed AS r WHERE r.status = 'pending'
        UNION SELECT f.workspace_id, f.local_id FROM folded AS f
        UNION SELECT a.workspace_id, a.local_id FROM added AS a
    )
    SELECT array_agg(t.workspace_id), array_agg(t.local_id) INTO workspaces, ids
      FROM touched AS t;
    IF ids IS NOT NULL THEN
        PERFORM sync.say_pending(_entity, workspaces, ids);
        -- a claim passed over what was just folded: whoever waits looks again
        PERFORM pg_notify('crm_outbox', '');
    END IF;
END $$;

-- The CRM has these rows from now on, by a delivery of ours or because somebody said so.
CREATE FUNCTION sync.note_links(
    _entity text, _workspaces text[], _ids text[], _remote_ids bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.cancel(_entity, '{create}', _workspaces, _ids);
    -- commands that knew the CRM's record only stand in one line with the row's own from now on
    UPDATE sync.outbox AS o
       SET record = _entity || '/' || k.id, updated_at = clock_timestamp()
      FROM unnest(_workspaces, _ids, _remote_ids) AS k (workspace_id, id, remote_id)
     WHERE o.workspace_id = k.workspace_id AND o.record = _entity || '/#' || k.remote_id
       AND o.crm = 'pipedrive' AND o.status <> 'delivered';
    IF _entity = 'person' THEN
        PERFORM sync.enqueue_children('sync', _workspaces, _ids);
    ELSIF _entity = 'organization' THEN
        PERFORM sync.enqueue_deals('sync', array_agg(d))
           FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
           JOIN app.deals AS d ON d.workspace_id = k.workspace_id AND d.organization_id = k.id
          WHERE d.pipedrive_deal_id IS NULL
         HAVING count(*) > 0;
    END IF;
END $$;

-- Values of these rows were changed; what they refer to now goes before them.
CREATE FUNCTION sync.note_values(
    _entity text, _workspaces text[], _ids text[], _remote_ids bigint[], _rows jsonb[],
    _payloads jsonb[], _bases jsonb[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF _entity IN ('person', 'deal') THEN
        PERFORM sync.enqueue_organizations('sync', array_agg(k.workspace_id),
                                           array_agg(k.payload ->> 'organization_id'))
           FROM unnest(_workspaces, _ids, _remote_ids, _payloads)
                AS k (workspace_id, id, remote_id, payload)
          WHERE k.payload ->> 'organization_id' IS NOT NULL
            AND (k.remote_id IS NOT NULL
                 OR sync.undelivered_create(k.workspace_id, _entity, k.id) IS NOT NULL)
         HAVING count(*) > 0;
    END IF;
    PERFORM sync.enqueue_updates(
        _entity, _workspaces, _ids, _remote_ids, _rows, _payloads, _bases,
        array(SELECT CASE WHEN k.payload ?| '{deal_id,contact_id,organization_id}' THEN coalesce(
                   sync.undelivered_create(k.workspace_id, 'deal', k.payload ->> 'deal_id'),
                   sync.undelivered_create(k.workspace_id, 'person', k.payload ->> 'contact_id'),
                   sync.undelivered_create(k.workspace_id, 'organization',
                                           k.payload ->> 'organization_id')) END
                FROM unnest(_workspaces, _payloads)
                     WITH ORDINALITY AS k (workspace_id, payload, place)
               ORDER BY k.place));
END $$;

-- Scores of contacts that the CRM does not have were changed.
CREATE FUNCTION sync.note_scores(_workspaces text[], _ids text[], _warm boolean[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.enqueue_leads('sync', array_agg(k.workspace_id), array_agg(k.id))
       FROM unnest(_workspaces, _ids, _warm) AS k (workspace_id, id, warm)
      WHERE k.warm HAVING count(*) > 0;
    PERFORM sync.withdraw_leads(array_agg(k.workspace_id), array_agg(k.id))
       FROM unnest(_workspaces, _ids, _warm) AS k (workspace_id, id, warm)
      WHERE NOT k.warm HAVING count(*) > 0;
END $$;
