-- What workers call: is there still a ground for a command, and writing back what came of it.
-- Rows that a transaction of the local side has in its hands are never waited for while looking.

-- The column that holds a row's id in the CRM.
CREATE FUNCTION sync.remote_column(_entity text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE _entity WHEN 'organization' THEN 'pipedrive_org_id'
                        ELSE 'pipedrive_' || _entity || '_id' END
$$;

-- Takes back a create that has lost its ground, with what was to come after it; not while somebody
-- has one of the rows in his hands.
CREATE FUNCTION sync.take_back(_entity text, _workspace text, _local_id text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    linked boolean;
    workspaces text[] := ARRAY[_workspace];
    ids text[] := ARRAY[_local_id];
BEGIN
    PERFORM set_config('lock_timeout', '300ms', true);
    PERFORM sync.hold_row(_entity, _workspace, _local_id);
    EXECUTE format('SELECT %I IS NOT NULL FROM app.%I WHERE workspace_id = $1 AND id = $2',
                   sync.remote_column(_entity), sync.local_table(_entity))
    INTO linked USING _workspace, _local_id;
    IF linked THEN
        PERFORM sync.cancel(_entity, '{create}', workspaces, ids);
    ELSIF _entity = 'person' AND linked IS NOT NULL THEN
        PERFORM sync.withdraw_leads(workspaces, ids);
    ELSE
        PERFORM sync.cancel_rows(_entity, workspaces, ids);
    END IF;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN;
END $$;

-- The create of an organization that has to be delivered first; made if there is none. Null if the
-- CRM has it; -1 if somebody is just making one.
CREATE FUNCTION sync.organization_ahead(_workspace text, _id text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    ahead bigint;
BEGIN
    IF _id IS NULL OR EXISTS (SELECT FROM app.organizations AS o
                               WHERE o.workspace_id = _workspace AND o.id = _id
                                 AND o.pipedrive_org_id IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    ahead := sync.undelivered_create(_workspace, 'organization', _id);
    IF ahead IS NULL THEN
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            PERFORM sync.enqueue_organizations('sync', ARRAY[_workspace], ARRAY[_id]);
            ahead := sync.undelivered_create(_workspace, 'organization', _id);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN -1;
        END;
    END IF;
    RETURN ahead;
END $$;

-- Whether a create may go: 'go', 'drop' if what it was made for is no more, 'later' while somebody
-- changes what it depends on, or the id of the command that has to be delivered first.
CREATE FUNCTION sync.ground(_command sync.outbox) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    contact app.contacts;
    deal app.deals;
    activity app.activities;
    workspace text := _command.workspace_id;
    person bigint;
    ahead bigint;
    found_remote bigint;
BEGIN
    IF _command.entity = 'organization' THEN
        SELECT o.pipedrive_org_id INTO found_remote FROM app.organizations AS o
         WHERE o.workspace_id = workspace AND o.id = _command.local_id;
        RETURN CASE WHEN FOUND AND found_remote IS NULL
                     AND sync.organization_is_wanted(workspace, _command.local_id)
                    THEN 'go' ELSE 'drop' END;
    ELSIF _command.entity = 'person' THEN
        SELECT c.* INTO contact FROM app.contacts AS c
         WHERE c.workspace_id = workspace AND c.id = _command.local_id;
        IF NOT FOUND OR contact.pipedrive_person_id IS NOT NULL
           OR (contact.warmness_score < sync.warm_lead_score(workspace)
               AND _command.trigger <> 'manual') THEN
            RETURN 'drop';
        END IF;
        ahead := sync.organization_ahead(workspace, contact.organization_id);
    ELSE
        IF _command.entity = 'activity' THEN
            SELECT a.* INTO activity FROM app.activities AS a
             WHERE a.workspace_id = workspace AND a.id = _command.local_id;
            IF NOT FOUND OR activity.pipedrive_activity_id IS NOT NULL THEN
                RETURN 'drop';
            END IF;
            ahead := sync.undelivered_create(workspace, 'deal', activity.deal_id);
        ELSE
            SELECT d.* INTO deal FROM app.deals AS d
             WHERE d.workspace_id = workspace AND d.id = _command.local_id;
            IF NOT FOUND OR deal.pipedrive_deal_id IS NOT NULL THEN
                RETURN 'drop';
            END IF;
            ahead := sync.organization_ahead(workspace, deal.organization_id);
        END IF;
        SELECT c.pipedrive_person_id INTO found_remote FROM app.contacts AS c
         WHERE c.workspace_id = workspace
           AND c.id = coalesce(activity.contact_id, deal.contact_id);
        person := sync.undelivered_create(workspace, 'person',
                                          coalesce(activity.contact_id, deal.contact_id));
        IF coalesce(found_remote, person) IS NULL AND deal.organization_id IS NULL THEN
            RETURN CASE WHEN sync.hold(workspace, coalesce(activity.contact_id, deal.contact_id), NULL)
                        THEN 'drop' ELSE 'later' END;
        END IF;
        IF found_remote IS NULL THEN
            ahead := coalesce(person, ahead);
        END IF;
    END IF;
    RETURN CASE WHEN ahead IS NULL THEN 'go' WHEN ahead < 0 THEN 'later' ELSE ahead::text END;
END $$;

-- Of commands whose turn it is, those that are not to be sent now after all: taken back, put behind
-- what has to go before them, or looked at again in a few seconds.
CREATE FUNCTION sync.hold_back(_ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off AS $$
DECLARE
    command sync.outbox;
    verdict text;
BEGIN
    FOR command IN
        SELECT o.* FROM sync.outbox AS o
         WHERE o.id = ANY (_ids) AND o.kind = 'create' AND o.local_id IS NOT NULL
           AND o.crm = 'pipedrive' AND o.sent_at IS NULL AND o.status IN ('pending', 'failed')
         ORDER BY o.id
    LOOP
        verdict := sync.ground(command);
        IF verdict = 'go' OR (verdict = 'drop' AND command.trigger NOT IN ('sync', 'reconciliation')) THEN
            CONTINUE;
        END IF;
        IF verdict = 'drop' THEN
            PERFORM sync.take_back(command.entity, command.workspace_id, command.local_id);
            verdict := 'later';  -- should it be there still
        END IF;
        UPDATE sync.outbox AS o
           SET after_id = CASE verdict WHEN 'later' THEN o.after_id ELSE verdict::bigint END,
               next_attempt_at = CASE verdict WHEN 'later'
                                 THEN clock_timestamp() + interval '5 seconds'
                                 ELSE o.next_attempt_at END
         WHERE o.id = (SELECT p.id FROM sync.outbox AS p
                        WHERE p.id = command.id AND p.version = command.version
                          FOR NO KEY UPDATE SKIP LOCKED);
        RETURN NEXT command.id;
    END LOOP;
END $$;

-- Writes the CRM's id into a row. Whether the row is there.
CREATE FUNCTION sync.link(
    _entity text, _workspace text, _local_id text, _remote_id bigint, _stamp timestamptz

) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off AS $$
DECLARE
    origin text := sync.speak_as('sync');
    found_row boolean;
BEGIN
    IF _entity = 'person' THEN
        UPDATE app.contacts AS c
           SET pipedrive_person_id = _remote_id, last_pipedrive_update = _stamp,
               pipedrive_org_id = coalesce(
                   (SELECT o.pipedrive_org_id FROM app.organizations AS o
                     WHERE o.workspace_id = c.workspace_id AND o.id = c.organization_id),
                   c.pipedrive_org_id)
         WHERE c.workspace_id = _workspace AND c.id = _local_id;
    ELSIF _entity = 'organization' THEN
        UPDATE app.organizations SET pipedrive_org_id = _remote_id, last_pipedrive_update = _stamp
         WHERE workspace_id = _workspace AND id = _local_id;
    ELSIF _entity = 'deal' THEN
        UPDATE app.deals SET pipedrive_deal_id = _remote_id, last_pipedrive_update = _stamp
         WHERE workspace_id = _workspace AND id = _local_id;
    ELSE
        UPDATE app.activities
           SET pipedrive_activity_id = _remote_id, last_pipedrive_update = _stamp,
               replicated_to_pipedrive = true
         WHERE workspace_id = _workspace AND id = _local_id;
    END IF;
    found_row := FOUND;
    PERFORM sync.speak_as(origin);
    RETURN found_row;
END $$;

-- The row that a record of the CRM belongs to, the oldest of several.
CREATE FUNCTION sync.find_local(_entity text, _workspace text, _remote_id bigint)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_id text;
BEGIN
    EXECUTE format('SELECT id FROM app.%I WHERE workspace_id = $1 AND %I = $2
                     ORDER BY created_at, id LIMIT 1', sync.local_table(_entity),
                   sync.remote_column(_entity))
    INTO found_id USING _workspace, _remote_id;
    RETURN found_id;
END $$;

-- Takes hold of a row of the local side until the transaction ends.
CREATE FUNCTION sync.hold_row(_entity text, _workspace text, _local_id text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT FROM app.%I WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE',
                   sync.local_table(_entity)) USING _workspace, _local_id;
END $$;

-- Says of a row how its way to the CRM stands, as its commands have it. `_tried` is when one of
-- them was last sent, `_stamp` when it got there.
CREATE FUNCTION sync.mark(
    _entity text, _workspace text, _local_id text, _tried timestamptz, _stamp timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    origin text := sync.speak_as('sync');
    state text;
BEGIN
    -- in our hands first: what others changed meanwhile has its commands by then
    PERFORM sync.hold_row(_entity, _workspace, _local_id);
    SELECT CASE WHEN bool_or(o.status = 'failed' OR (o.status = 'dead' AND o.kind = 'create')
                             OR (o.status = 'dead' AND NOT o.overtaken)) THEN 'FAILED'
                WHEN bool_or(o.status IN ('pending', 'sending')) THEN 'PENDING'
                ELSE 'SYNCED' END
      INTO state
      FROM (SELECT o.status, o.kind,
                   EXISTS (SELECT FROM sync.outbox AS l
                            WHERE l.workspace_id = o.workspace_id AND l.record = o.record
                              AND l.id > o.id AND l.status <> 'dead') AS overtaken
              FROM sync.outbox AS o
             WHERE o.workspace_id = _workspace AND o.record = _entity || '/' || _local_id
               AND o.status <> 'delivered') AS o;
    EXECUTE format(
        'UPDATE app.%I SET update_sync_status = $3,
                last_pipedrive_update = coalesce($4, last_pipedrive_update)
          WHERE workspace_id = $1 AND id = $2
            AND (update_sync_status, last_pipedrive_update)
                IS DISTINCT FROM ($3, coalesce($4, last_pipedrive_update))',
        sync.local_table(_entity)) USING _workspace, _local_id, coalesce(state, 'SYNCED'), _stamp;
    IF _entity = 'activity' AND _tried IS NOT NULL THEN
        UPDATE app.activities SET pipedrive_sync_attempts = pipedrive_sync_attempts + 1,
                                  last_pipedrive_sync_attempt = _tried
         WHERE workspace_id = _workspace AND id = _local_id;
    END IF;
    PERFORM sync.speak_as(origin);
END $$;

-- Reconciliation: what the CRM should have and no command brings there. How many were written.
CREATE FUNCTION sync.enqueue_missing(_workspace text) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off AS $$
DECLARE
    leads integer;
    deals integer;
    activities integer;
BEGIN
    SELECT sync.enqueue_leads('reconciliation', array_agg(c.workspace_id), array_agg(c.id))
      INTO leads FROM app.contacts AS c
     WHERE c.workspace_id = _workspace AND c.pipedrive_person_id IS NULL
       AND c.warmness_score >= sync.warm_lead_score(_workspace);
    SELECT sync.enqueue_deals('reconciliation', array(
               SELECT d FROM app.deals AS d
                WHERE d.workspace_id = _workspace AND d.pipedrive_deal_id IS NULL)) INTO deals;
    SELECT sync.enqueue_activities('reconciliation', array(
               SELECT a FROM app.activities AS a
                WHERE a.workspace_id = _workspace AND a.pipedrive_activity_id IS NULL
                  AND NOT EXISTS (SELECT FROM sync.outbox AS o
                                   WHERE o.workspace_id = a.workspace_id AND o.crm = 'pipedrive'
                                     AND o.entity = 'activity' AND o.local_id = a.id
                                     AND o.kind = 'create')))
      INTO activities;
    RETURN coalesce(leads, 0) + coalesce(deals, 0) + coalesce(activities, 0);
END $$;
