-- Rows of the local side that were changed after their record in the CRM was, and whose record, as
-- the mirror shows it, does not say what they say. Only what the mirror read after our last write
-- counts, and only rows of which nothing is on its way and nothing was delivered since the change.
-- Where both sides are compared: `ours` and `theirs` hold the same columns.

-- name: person
-- Contacts.
WITH compared AS (
    SELECT c.workspace_id, c.id, c.pipedrive_person_id AS remote_id, c.updated_at,
           c.last_pipedrive_update AS written_at, m.update_time AS seen_at,
           jsonb_build_object('name', btrim(c.name), 'email', nullif(btrim(c.email), ''),
                              'phone', nullif(btrim(c.phone), '')) AS ours,
           jsonb_build_object('name', btrim(m.name), 'email', nullif(btrim(m.email), ''),
                              'phone', nullif(btrim(m.phone), '')) AS theirs
      FROM app.contacts AS c
      JOIN pipedrive.persons AS m
        ON m.workspace_id = c.workspace_id AND m.id = c.pipedrive_person_id
       AND m._deleted_at IS NULL
     WHERE c.workspace_id = %(workspace)s
)
SELECT c.id, c.remote_id, c.ours, c.theirs FROM compared AS c
 WHERE c.ours <> c.theirs AND c.updated_at > c.seen_at
   AND c.seen_at >= coalesce(c.written_at, '-infinity')
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = c.workspace_id AND o.record = 'person/' || c.id
                      AND (o.status <> 'delivered' OR o.delivered_at > c.updated_at))
 ORDER BY c.id LIMIT %(most)s;

-- name: organization
-- Organizations.
WITH compared AS (
    SELECT o.workspace_id, o.id, o.pipedrive_org_id AS remote_id, o.updated_at,
           o.last_pipedrive_update AS written_at, m.update_time AS seen_at,
           jsonb_build_object('name', btrim(o.name)) AS ours,
           jsonb_build_object('name', btrim(m.name)) AS theirs
      FROM app.organizations AS o
      JOIN pipedrive.organizations AS m
        ON m.workspace_id = o.workspace_id AND m.id = o.pipedrive_org_id
       AND m._deleted_at IS NULL
     WHERE o.workspace_id = %(workspace)s
)
SELECT c.id, c.remote_id, c.ours, c.theirs FROM compared AS c
 WHERE c.ours <> c.theirs AND c.updated_at > c.seen_at
   AND c.seen_at >= coalesce(c.written_at, '-infinity')
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = c.workspace_id AND o.record = 'organization/' || c.id
                      AND (o.status <> 'delivered' OR o.delivered_at > c.updated_at))
 ORDER BY c.id LIMIT %(most)s;

-- name: deal
-- Deals.
WITH compared AS (
    SELECT d.workspace_id, d.id, d.pipedrive_deal_id AS remote_id, d.updated_at,
           d.last_pipedrive_update AS written_at, m.update_time AS seen_at,
           jsonb_build_object('title', btrim(d.title), 'value', trim_scale(d.value),
                              'stage_id', coalesce(d.stage_id, m.stage_id),
                              'status', d.status) AS ours,
           jsonb_build_object('title', btrim(m.title), 'value', trim_scale(m.value),
                              'stage_id', m.stage_id, 'status', m.status) AS theirs
      FROM app.deals AS d
      JOIN pipedrive.deals AS m
        ON m.workspace_id = d.workspace_id AND m.id = d.pipedrive_deal_id
       AND m._deleted_at IS NULL
     WHERE d.workspace_id = %(workspace)s
)
SELECT c.id, c.remote_id, c.ours, c.theirs FROM compared AS c
 WHERE c.ours <> c.theirs AND c.updated_at > c.seen_at
   AND c.seen_at >= coalesce(c.written_at, '-infinity')
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = c.workspace_id AND o.record = 'deal/' || c.id
                      AND (o.status <> 'delivered' OR o.delivered_at > c.updated_at))
 ORDER BY c.id LIMIT %(most)s;

-- name: activity
-- Activities.
WITH compared AS (
    SELECT a.workspace_id, a.id, a.pipedrive_activity_id AS remote_id, a.updated_at,
           a.last_pipedrive_update AS written_at, m.update_time AS seen_at,
           jsonb_build_object('subject', btrim(a.subject), 'done', a.done) AS ours,
           jsonb_build_object('subject', btrim(m.subject), 'done', coalesce(m.done, false))
               AS theirs
      FROM app.activities AS a
      JOIN pipedrive.activities AS m
        ON m.workspace_id = a.workspace_id AND m.id = a.pipedrive_activity_id
       AND m._deleted_at IS NULL
     WHERE a.workspace_id = %(workspace)s
)
SELECT c.id, c.remote_id, c.ours, c.theirs FROM compared AS c
 WHERE c.ours <> c.theirs AND c.updated_at > c.seen_at
   AND c.seen_at >= coalesce(c.written_at, '-infinity')
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = c.workspace_id AND o.record = 'activity/' || c.id
                      AND (o.status <> 'delivered' OR o.delivered_at > c.updated_at))
 ORDER BY c.id LIMIT %(most)s;
