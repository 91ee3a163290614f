-- Taking back commands that nothing was sent of, when what they were made for is no more.

-- Takes back commands of these rows that nothing was sent of.
CREATE FUNCTION sync.cancel(_entity text, _kinds text[], _workspaces text[], _ids text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    workspaces text[];
    ids text[];
    origin text;
BEGIN
    WITH gone AS (
        DELETE FROM sync.outbox AS o
         USING unnest(_workspaces, _ids) AS k (workspace_id, id)
         WHERE o.workspace_id = k.workspace_id AND o.record = _entity || '/' || k.id
           AND o.crm = 'pipedrive' AND o.trigger IN ('sync', 'reconciliation')
           AND o.status IN ('pending', 'failed', 'dead') AND o.sent_at IS NULL
           AND o.kind = ANY (_kinds)
           AND NOT EXISTS (SELECT FROM sync.conflicts AS f WHERE f.outbox_id = o.id)
        RETURNING o.workspace_id, o.local_id
    )
    SELECT array_agg(g.workspace_id), array_agg(g.local_id) INTO workspaces, ids FROM gone AS g;
    IF ids IS NULL THEN
        RETURN;
    END IF;
    origin := sync.speak_as('state');
    EXECUTE format(
        'UPDATE app.%I AS r SET update_sync_status = ''SYNCED''
           FROM unnest($1, $2) AS k (workspace_id, id)
          WHERE r.workspace_id = k.workspace_id AND r.id = k.id
            AND r.update_sync_status <> ''SYNCED''
            AND NOT EXISTS (SELECT FROM sync.outbox AS o
                             WHERE o.workspace_id = r.workspace_id AND o.status <> ''delivered''
                               AND o.record = $3 || ''/'' || r.id)', sync.local_table(_entity))
    USING workspaces, ids, _entity;
    PERFORM sync.speak_as(origin);
END $$;

-- Takes back everything of rows that the CRM does not have; where the create is under way, or may
-- have been sent, everything stays. Returns the rows that nothing is left of.
CREATE FUNCTION sync.cancel_rows(_entity text, INOUT _workspaces text[], INOUT _ids text[])
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.cancel(_entity, '{create}', _workspaces, _ids);
    SELECT array_agg(k.workspace_id), array_agg(k.id) INTO _workspaces, _ids
      FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
      LEFT JOIN sync.outbox AS o
        ON o.workspace_id = k.workspace_id AND o.crm = 'pipedrive' AND o.entity = _entity
       AND o.local_id = k.id AND o.kind = 'create'
     WHERE o.id IS NULL;
    PERFORM sync.cancel(_entity, '{update}', _workspaces, _ids);
END $$;

-- Whether the CRM has, or will have, a contact or a deal of this organization.
CREATE FUNCTION sync.organization_is_wanted(_workspace text, _id text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM app.contacts AS c
                    WHERE c.workspace_id = _workspace AND c.organization_id = _id
                      AND (c.pipedrive_person_id IS NOT NULL
                           OR sync.undelivered_create(_workspace, 'person', c.id) IS NOT NULL))
        OR EXISTS (SELECT FROM app.deals AS d
                    WHERE d.workspace_id = _workspace AND d.organization_id = _id
                      AND (d.pipedrive_deal_id IS NOT NULL
                           OR sync.undelivered_create(_workspace, 'deal', d.id) IS NOT NULL))
$$;

-- Creates of organizations that nobody waits for any more.
CREATE FUNCTION sync.cancel_idle_organizations(_workspaces text[], _ids text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sync.cancel_rows('organization', array_agg(k.workspace_id), array_agg(k.id))
      FROM (SELECT DISTINCT k.workspace_id, k.id
              FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
             ORDER BY k.workspace_id, k.id) AS k
      JOIN app.organizations AS o ON o.workspace_id = k.workspace_id AND o.id = k.id
     WHERE o.pipedrive_org_id IS NULL
       AND NOT sync.organization_is_wanted(k.workspace_id, k.id)
    HAVING count(*) > 0;
END $$;

-- These contacts are no leads any more: what was not sent is taken back, with what hangs on it.
CREATE FUNCTION sync.withdraw_leads(_workspaces text[], _ids text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    deals app.deals[];
    deal_workspaces text[];
BEGIN
    SELECT * INTO _workspaces, _ids FROM sync.cancel_rows('person', _workspaces, _ids);
    IF _ids IS NULL THEN
        RETURN;
    END IF;
    PERFORM sync.cancel_rows('activity', array_agg(a.workspace_id), array_agg(a.id))
       FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
       JOIN app.activities AS a ON a.workspace_id = k.workspace_id AND a.contact_id = k.id
      WHERE a.pipedrive_activity_id IS NULL
     HAVING count(*) > 0;
    SELECT array_agg(d), array_agg(d.workspace_id) INTO deals, deal_workspaces
      FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
      JOIN app.deals AS d ON d.workspace_id = k.workspace_id AND d.contact_id = k.id
     WHERE d.pipedrive_deal_id IS NULL;
    PERFORM sync.cancel_rows('deal', deal_workspaces,
                        array(SELECT d.id FROM unnest(deals) AS d));
    PERFORM sync.cancel_idle_organizations(array_agg(c.workspace_id), array_agg(c.organization_id))
       FROM unnest(_workspaces, _ids) AS k (workspace_id, id)
       JOIN app.contacts AS c ON c.workspace_id = k.workspace_id AND c.id = k.id
      WHERE c.organization_id IS NOT NULL
     HAVING count(*) > 0;
    -- a deal may stand on its organization alone
    PERFORM sync.enqueue_deals('sync', deals);
END $$;
