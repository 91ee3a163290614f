-- Taking over what was changed in the CRM. Rows of the local side are held first, in the order of
-- their ids; only then it is looked at what commands are on their way.

-- name: speak
-- What this transaction changes comes from the CRM: no command is made of it.
SELECT sync.speak_as('sync');

-- name: link_again
-- Rows whose records were deleted, and are there again: they belong together as before.
UPDATE {table} AS r SET {remote} = l.remote_id
  FROM sync.record_links AS l
 WHERE l.workspace_id = %(workspace)s AND l.crm = %(crm)s AND l.entity = %(entity)s
   AND l.remote_id = ANY (%(remote_ids)s::bigint[]) AND l.ended_at IS NOT NULL
   AND r.workspace_id = l.workspace_id AND r.id = l.local_id AND r.{remote} IS NULL
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = l.workspace_id AND o.crm = l.crm
                      AND o.entity = l.entity AND o.local_id = l.local_id
                      AND o.kind = 'create' AND o.status <> 'delivered');

-- name: hold
-- The rows of some records, into our hands.
SELECT r.id, r.{remote} AS remote_id FROM {table} AS r
 WHERE r.workspace_id = %(workspace)s AND r.{remote} = ANY (%(remote_ids)s::bigint[])
 ORDER BY r.id FOR NO KEY UPDATE;

-- name: links
-- What their records said when they were last compared; links that have ended say nothing.
SELECT local_id, remote_id, said, stamp, seen_at FROM sync.record_links
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND entity = %(entity)s
   AND local_id = ANY (%(ids)s) AND ended_at IS NULL;

-- name: commands
-- Commands of some rows that are not through: which of their fields are ours to say. A dead one
-- speaks for its fields until a later one has written them. And when the last one got through.
SELECT o.local_id, o.id, o.status, o.trigger,
       ARRAY(SELECT f FROM jsonb_object_keys(o.payload) AS f
              WHERE o.status <> 'dead'
                 OR NOT EXISTS (SELECT FROM sync.outbox AS l
                                 WHERE l.workspace_id = o.workspace_id AND l.record = o.record
                                   AND l.crm = o.crm AND l.id > o.id AND l.status = 'delivered'
                                   AND l.payload ? f)) AS fields
  FROM sync.outbox AS o
 WHERE o.workspace_id = %(workspace)s AND o.crm = %(crm)s AND o.status <> 'delivered'
   AND o.record = ANY (%(records)s) AND o.id <> %(mine)s AND o.local_id IS NOT NULL;

-- name: last_deliveries
-- When the last command of a row got through.
SELECT o.local_id, max(o.delivered_at) AS delivered_at FROM sync.outbox AS o
 WHERE o.workspace_id = %(workspace)s AND o.crm = %(crm)s AND o.status = 'delivered'
   AND o.record = ANY (%(records)s) AND o.local_id IS NOT NULL
 GROUP BY o.local_id;

-- name: references
-- Rows of the local side that records of the CRM belong to, the oldest of several.
SELECT DISTINCT ON (r.{remote}) r.{remote} AS remote_id, r.id FROM {table} AS r
 WHERE r.workspace_id = %(workspace)s AND r.{remote} = ANY (%(remote_ids)s::bigint[])
 ORDER BY r.{remote}, r.created_at, r.id;

-- name: users
-- Users of the local side by who they are in the CRM.
SELECT DISTINCT ON (u.pipedrive_user_id) u.pipedrive_user_id AS remote_id, u.id
  FROM app.users AS u
 WHERE u.workspace_id = %(workspace)s AND u.pipedrive_user_id = ANY (%(remote_ids)s::bigint[])
 ORDER BY u.pipedrive_user_id, u.created_at, u.id;

-- name: person
-- New values of contacts; a column that is not named stays as it is.
UPDATE app.contacts AS r
   SET (name, email, phone, organization_id, user_id, pipedrive_org_id) =
       (SELECT p.name, p.email, p.phone, p.organization_id, p.user_id, p.pipedrive_org_id
          FROM jsonb_populate_record(r, k.changes) AS p)
  FROM unnest(%(ids)s::text[], %(changes)s::jsonb[]) AS k (id, changes)
 WHERE r.workspace_id = %(workspace)s AND r.id = k.id;

-- name: organization
-- New values of organizations.
UPDATE app.organizations AS r
   SET (name, industry, country, address) =
       (SELECT p.name, p.industry, p.country, p.address
          FROM jsonb_populate_record(r, k.changes) AS p)
  FROM unnest(%(ids)s::text[], %(changes)s::jsonb[]) AS k (id, changes)
 WHERE r.workspace_id = %(workspace)s AND r.id = k.id;

-- name: deal
-- New values of deals.
UPDATE app.deals AS r
   SET (title, value, currency, stage_id, status, contact_id, organization_id, user_id) =
       (SELECT p.title, p.value, p.currency, p.stage_id, p.status, p.contact_id,
               p.organization_id, p.user_id
          FROM jsonb_populate_record(r, k.changes) AS p)
  FROM unnest(%(ids)s::text[], %(changes)s::jsonb[]) AS k (id, changes)
 WHERE r.workspace_id = %(workspace)s AND r.id = k.id;

-- name: activity
-- New values of activities.
UPDATE app.activities AS r
   SET (subject, type, due_at, duration, note, done, contact_id, deal_id, user_id) =
       (SELECT p.subject, p.type, p.due_at, p.duration, p.note, p.done, p.contact_id, p.deal_id,
               p.user_id
          FROM jsonb_populate_record(r, k.changes) AS p)
  FROM unnest(%(ids)s::text[], %(changes)s::jsonb[]) AS k (id, changes)
 WHERE r.workspace_id = %(workspace)s AND r.id = k.id;

-- name: stamps
-- The record of a row was last changed then; it never goes back.
UPDATE {table} AS r SET last_pipedrive_update = k.stamp
  FROM unnest(%(ids)s::text[], %(stamps)s::timestamptz[]) AS k (id, stamp)
 WHERE r.workspace_id = %(workspace)s AND r.id = k.id
   AND (r.last_pipedrive_update IS NULL OR r.last_pipedrive_update < k.stamp);

-- name: remember
-- What records said in this comparison.
INSERT INTO sync.record_links AS l (workspace_id, crm, entity, local_id, remote_id, said, stamp)
SELECT %(workspace)s, %(crm)s, %(entity)s, k.id, k.remote_id, k.said, k.stamp
  FROM unnest(%(ids)s::text[], %(remote_ids)s::bigint[], %(saids)s::jsonb[],
              %(stamps)s::timestamptz[]) AS k (id, remote_id, said, stamp)
 ORDER BY k.id
    ON CONFLICT (workspace_id, crm, entity, local_id) DO UPDATE
   SET remote_id = excluded.remote_id, said = excluded.said, stamp = excluded.stamp,
       seen_at = clock_timestamp(), ended_at = NULL, ended_because = NULL;

-- name: note_merges
-- Records that went into others.
INSERT INTO sync.record_merges (workspace_id, crm, entity, remote_id, merged_into)
SELECT %(workspace)s, %(crm)s, %(entity)s, k.remote_id, k.merged_into
  FROM unnest(%(remote_ids)s::bigint[], %(merged_into)s::bigint[]) AS k (remote_id, merged_into)
 WHERE k.remote_id <> k.merged_into
    ON CONFLICT DO NOTHING;

-- name: survivors
-- Where records are now, through everything that they were merged into.
SELECT k.remote_id, sync.survivor(%(workspace)s, %(crm)s, %(entity)s, k.remote_id) AS survivor
  FROM unnest(%(remote_ids)s::bigint[]) AS k (remote_id);

-- name: end_links
-- Rows whose records are no more.
SELECT sync.end_links(%(crm)s, %(entity)s, %(workspace)s, %(ids)s, %(because)s);

-- name: move_links
-- Rows whose record went into another one.
SELECT sync.move_links(%(crm)s, %(entity)s, %(workspace)s, %(from)s, %(into)s, %(ids)s);

-- name: ask_again
-- A row whose record was deleted may be brought to the CRM once more.
SELECT sync.ask_again(%(crm)s, %(entity)s, %(workspace)s, %(local_id)s);

-- name: behind
-- Records that the mirror knows newer than they were when their rows were last compared with them,
-- but not those of rows that were changed here since and have no command: those are to be sent.
SELECT DISTINCT m.id AS remote_id
  FROM {table} AS r
  JOIN {mirror} AS m ON m.workspace_id = r.workspace_id AND m.id = r.{remote}
   AND m._deleted_at IS NULL
  LEFT JOIN sync.record_links AS l
    ON l.workspace_id = r.workspace_id AND l.crm = %(crm)s AND l.entity = %(entity)s
   AND l.local_id = r.id AND l.remote_id = m.id AND l.ended_at IS NULL
 WHERE r.workspace_id = %(workspace)s AND m.id > %(after)s
   AND CASE WHEN l.local_id IS NOT NULL
            THEN l.stamp IS NULL OR m.update_time > l.stamp
                 OR (m.update_time = l.stamp AND m._synced_at > l.seen_at)
            ELSE m.update_time > coalesce(r.last_pipedrive_update, '-infinity')
                 AND (m.update_time >= r.updated_at
                      OR EXISTS (SELECT FROM sync.outbox AS o
                                  WHERE o.workspace_id = r.workspace_id AND o.crm = %(crm)s
                                    AND o.record = %(entity)s || '/' || r.id
                                    AND o.status = 'delivered' AND o.delivered_at > r.updated_at))
       END
   AND NOT EXISTS (SELECT FROM sync.outbox AS o
                    WHERE o.workspace_id = r.workspace_id AND o.crm = %(crm)s
                      AND o.record = %(entity)s || '/' || r.id
                      AND o.status IN ('pending', 'sending', 'failed'))
 ORDER BY 1 LIMIT %(most)s;

-- name: gone
-- Records that the mirror knows to be deleted, and that rows are linked to still.
SELECT DISTINCT m.id AS remote_id
  FROM {table} AS r
  JOIN {mirror} AS m ON m.workspace_id = r.workspace_id AND m.id = r.{remote}
   AND m._deleted_at IS NOT NULL
 WHERE r.workspace_id = %(workspace)s
 ORDER BY 1 LIMIT %(most)s;

-- name: now
-- The time that deliveries are stamped with.
SELECT clock_timestamp() AS now;
