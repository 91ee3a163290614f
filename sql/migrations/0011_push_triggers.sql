-- Changes of the local side become commands, in the transaction that makes them, whoever makes it.
-- They act as the owner of the outbox: whoever may write to the local side need not see it.
-- Plans are made while tables are small and must do when they have grown: always by an index.

-- After a statement: what it changed becomes commands. Arguments: the entity, the column of its id
-- in the CRM, and the columns that the CRM is told of. Our own write-backs say that they are, by
-- crm_pipelines.origin; a link counts whoever made it.
CREATE FUNCTION sync.note_changes() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' AS $$
DECLARE
    entity text := TG_ARGV[0];
    remote text := TG_ARGV[1];
    watched text[] := TG_ARGV[2:];
BEGIN
    IF current_setting('crm_pipelines.origin', true) = 'state' THEN
        RETURN NULL;
    END IF;
    PERFORM sync.note_links(entity, array_agg(n.workspace_id), array_agg(n.id),
                            array_agg((to_jsonb(n) ->> remote)::bigint))
       FROM now_rows AS n JOIN old_rows AS o ON o.workspace_id = n.workspace_id AND o.id = n.id
      WHERE to_jsonb(o) ->> remote IS NULL AND to_jsonb(n) ->> remote IS NOT NULL
     HAVING count(*) > 0;
    IF current_setting('crm_pipelines.origin', true) = 'sync' THEN
        RETURN NULL;
    END IF;
    IF entity = 'deal' THEN
        PERFORM sync.enqueue_deals('sync', array(
            SELECT d FROM now_rows AS n
              JOIN old_rows AS o ON o.workspace_id = n.workspace_id AND o.id = n.id
              JOIN app.deals AS d ON d.workspace_id = n.workspace_id AND d.id = n.id
             WHERE d.pipedrive_deal_id IS NULL
               AND (to_jsonb(n) -> 'contact_id', to_jsonb(n) -> 'organization_id')
                   <> (to_jsonb(o) -> 'contact_id', to_jsonb(o) -> 'organization_id')));
    ELSIF entity = 'activity' THEN
        PERFORM sync.enqueue_activities('sync', array(
            SELECT a FROM now_rows AS n
              JOIN old_rows AS o ON o.workspace_id = n.workspace_id AND o.id = n.id
              JOIN app.activities AS a ON a.workspace_id = n.workspace_id AND a.id = n.id
             WHERE a.pipedrive_activity_id IS NULL
               AND to_jsonb(n) -> 'contact_id' <> to_jsonb(o) -> 'contact_id'));
    END IF;
    PERFORM sync.note_values(
        entity, array_agg(c.workspace_id), array_agg(c.id),
        array_agg((c.now ->> remote)::bigint), array_agg(c.now), array_agg(c.payload),
        array_agg(c.base))
       FROM (SELECT p.workspace_id, p.id, p.now, v.payload, v.base
               FROM (SELECT n.workspace_id, n.id, to_jsonb(n) AS now, to_jsonb(o) AS old
                       FROM now_rows AS n
                       JOIN old_rows AS o ON o.workspace_id = n.workspace_id AND o.id = n.id
                     OFFSET 0) AS p,  -- each of them once
                    LATERAL (SELECT jsonb_object_agg(w, p.now -> w) AS payload,
                                    jsonb_object_agg(w, p.old -> w) AS base
                               FROM unnest(watched) AS w
                              WHERE p.now -> w IS DISTINCT FROM p.old -> w) AS v
              WHERE v.payload IS NOT NULL
              ORDER BY p.workspace_id, p.id) AS c
     HAVING count(*) > 0;
    RETURN NULL;
END $$;

-- After an UPDATE of contacts, before their values are looked at.
CREATE FUNCTION sync.note_changed_scores() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    IF current_setting('crm_pipelines.origin', true) IN ('sync', 'state') THEN
        RETURN NULL;
    END IF;
    PERFORM sync.note_scores(
        array_agg(n.workspace_id), array_agg(n.id),
        array_agg(n.warmness_score >= sync.warm_lead_score(n.workspace_id)))
       FROM now_rows AS n JOIN old_rows AS o ON o.workspace_id = n.workspace_id AND o.id = n.id
      WHERE n.pipedrive_person_id IS NULL AND n.warmness_score <> o.warmness_score
     HAVING count(*) > 0;
    RETURN NULL;
END $$;

-- After an INSERT of rows.
CREATE FUNCTION sync.note_new_rows() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    IF current_setting('crm_pipelines.origin', true) = 'sync' THEN
        RETURN NULL;
    END IF;
    IF TG_ARGV[0] = 'person' THEN
        PERFORM sync.enqueue_leads('sync', array_agg(n.workspace_id), array_agg(n.id))
           FROM now_rows AS n HAVING count(*) > 0;
    ELSIF TG_ARGV[0] = 'deal' THEN
        PERFORM sync.enqueue_deals('sync', array(
            SELECT d FROM now_rows AS n
              JOIN app.deals AS d ON d.workspace_id = n.workspace_id AND d.id = n.id));
    ELSE
        PERFORM sync.enqueue_activities('sync', array(
            SELECT a FROM now_rows AS n
              JOIN app.activities AS a ON a.workspace_id = n.workspace_id AND a.id = n.id));
    END IF;
    RETURN NULL;
END $$;

-- After a DELETE of rows: nothing is sent of what is not there any more.
CREATE FUNCTION sync.note_gone_rows() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    PERFORM sync.cancel(TG_ARGV[0], '{create,update}', array_agg(o.workspace_id), array_agg(o.id))
       FROM old_rows AS o HAVING count(*) > 0;
    IF TG_ARGV[0] IN ('person', 'deal') THEN
        PERFORM sync.cancel_idle_organizations(
            array_agg(o.workspace_id), array_agg(to_jsonb(o) ->> 'organization_id'))
           FROM old_rows AS o WHERE to_jsonb(o) ->> 'organization_id' IS NOT NULL
         HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;

-- Takes hold of rows so that nobody can link them before our transaction ends; never waits. Whether
-- that was possible: otherwise somebody is changing one of them at this moment.
CREATE FUNCTION sync.hold(_workspace text, _contact text, _organization text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF _contact IS NOT NULL THEN
        PERFORM FROM app.contacts AS c
          WHERE c.workspace_id = _workspace AND c.id = _contact FOR SHARE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    IF _organization IS NOT NULL THEN
        PERFORM FROM app.organizations AS o
          WHERE o.workspace_id = _workspace AND o.id = _organization FOR SHARE SKIP LOCKED;
        RETURN FOUND;
    END IF;
    RETURN true;
END $$;

-- At the end of a transaction: a new deal or activity that nothing was enqueued for, because the
-- CRM does not have its contact. Somebody may be linking that contact at this moment without
-- seeing this row. With the contact in our hands that cannot be; while it is in his, a command is
-- written, and whether it has a ground is found out when its turn comes (sync.ground).
CREATE FUNCTION sync.look_again() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    deal app.deals;
    activity app.activities;
BEGIN
    IF current_setting('crm_pipelines.origin', true) = 'sync'
       OR EXISTS (SELECT FROM sync.outbox AS o
                   WHERE o.workspace_id = NEW.workspace_id AND o.crm = 'pipedrive'
                     AND o.entity = TG_ARGV[0] AND o.local_id = NEW.id AND o.kind = 'create') THEN
        RETURN NULL;
    END IF;
    IF TG_ARGV[0] = 'deal' THEN
        SELECT d.* INTO deal FROM app.deals AS d
         WHERE d.workspace_id = NEW.workspace_id AND d.id = NEW.id
           AND d.pipedrive_deal_id IS NULL
           AND (d.contact_id IS NOT NULL OR d.organization_id IS NOT NULL);
        IF NOT FOUND THEN
            RETURN NULL;
        ELSIF sync.hold(deal.workspace_id, deal.contact_id, deal.organization_id) THEN
            PERFORM sync.enqueue_deals('sync', ARRAY[deal]);
            RETURN NULL;
        END IF;
    ELSE
        SELECT a.* INTO activity FROM app.activities AS a
         WHERE a.workspace_id = NEW.workspace_id AND a.id = NEW.id
           AND a.pipedrive_activity_id IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        ELSIF sync.hold(activity.workspace_id, activity.contact_id, NULL) THEN
            PERFORM sync.enqueue_activities('sync', ARRAY[activity]);
            RETURN NULL;
        END IF;
    END IF;
    PERFORM sync.enqueue_creates(TG_ARGV[0], 'sync', ARRAY[NEW.workspace_id], ARRAY[NEW.id],
                                 ARRAY[coalesce(to_jsonb(deal), to_jsonb(activity))],
                                 ARRAY[NULL::bigint]);
    RETURN NULL;
END $$;

-- The id of a row is what its record in the CRM knows it by.
CREATE FUNCTION app.refuse_new_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the id of a row of app.% cannot be changed: its record in the CRM bears it',
        TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Insert a new row instead.';
END $$;

CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at = OLD.updated_at
       AND current_setting('crm_pipelines.origin', true) IS DISTINCT FROM 'sync' THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{users,organizations,contacts,deals,activities}'::text[] LOOP
        EXECUTE format(
            'CREATE TRIGGER refuse_new_id BEFORE UPDATE OF workspace_id, id ON app.%I
             FOR EACH ROW WHEN (NEW.workspace_id <> OLD.workspace_id OR NEW.id <> OLD.id)
             EXECUTE FUNCTION app.refuse_new_id()', name);
    END LOOP;
    FOREACH name IN ARRAY '{organizations,contacts,deals,activities}'::text[] LOOP
        EXECUTE format(
            'CREATE TRIGGER stamp BEFORE UPDATE ON app.%I
             FOR EACH ROW WHEN (NEW.update_sync_status = OLD.update_sync_status
                                AND NEW.* IS DISTINCT FROM OLD.*)
             EXECUTE FUNCTION app.stamp()', name);
    END LOOP;
END $do$;

CREATE TRIGGER stamp BEFORE UPDATE ON app.users
    FOR EACH ROW WHEN (NEW.* IS DISTINCT FROM OLD.*) EXECUTE FUNCTION app.stamp();

CREATE TRIGGER note_changes AFTER UPDATE ON app.organizations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_changes('organization', 'pipedrive_org_id',
                                       'name', 'industry', 'country', 'address');

-- Scores come before values: of a row that is to be created, values need no command of their own.
CREATE TRIGGER note_changed_scores AFTER UPDATE ON app.contacts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_changed_scores();

CREATE TRIGGER note_changes AFTER UPDATE ON app.contacts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_changes('person', 'pipedrive_person_id',
                                       'name', 'email', 'phone', 'organization_id', 'user_id');

CREATE TRIGGER note_changes AFTER UPDATE ON app.deals
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_changes('deal', 'pipedrive_deal_id',
                                       'title', 'value', 'currency', 'status', 'stage_id',
                                       'contact_id', 'organization_id', 'user_id');

CREATE TRIGGER note_changes AFTER UPDATE ON app.activities
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_changes('activity', 'pipedrive_activity_id',
                                       'type', 'subject', 'note', 'due_at', 'duration', 'done',
                                       'contact_id', 'deal_id', 'user_id');

CREATE TRIGGER note_new_rows AFTER INSERT ON app.contacts
    REFERENCING NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_new_rows('person');
CREATE TRIGGER note_new_rows AFTER INSERT ON app.deals
    REFERENCING NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_new_rows('deal');
CREATE TRIGGER note_new_rows AFTER INSERT ON app.activities
    REFERENCING NEW TABLE AS now_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_new_rows('activity');

CREATE CONSTRAINT TRIGGER look_again AFTER INSERT ON app.deals
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sync.look_again('deal');
CREATE CONSTRAINT TRIGGER look_again AFTER INSERT ON app.activities
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sync.look_again('activity');

CREATE TRIGGER note_gone_rows AFTER DELETE ON app.organizations
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_gone_rows('organization');
CREATE TRIGGER note_gone_rows AFTER DELETE ON app.contacts
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_gone_rows('person');
CREATE TRIGGER note_gone_rows AFTER DELETE ON app.deals
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_gone_rows('deal');
CREATE TRIGGER note_gone_rows AFTER DELETE ON app.activities
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION sync.note_gone_rows('activity');
