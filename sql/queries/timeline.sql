-- name: page
-- What happened around a contact, the newest first: one row for each entry, one of nulls where there
-- is none, none where there is no such contact. Records that the CRM has deleted are left out; an
-- activity that is on both sides is the CRM's. Times of the local side are whatever programs wrote.
SELECT e.*
  FROM app.contacts AS c
  LEFT JOIN LATERAL (
       SELECT 'pipedrive_' || a.id AS id, 'activity' AS source, a.type AS kind,
              coalesce(a.add_time, a.update_time, a._synced_at) AS at,
              a.subject AS title, a.note AS description,
              jsonb_build_object(
                  'pipedrive_id', a.id, 'done', a.done, 'duration', a.duration,
                  'due_date', a.due_date, 'due_time', a.due_time, 'deal_id', a.deal_id,
                  'owner_id', a.owner_id,
                  'local_id', (SELECT min(l.id) FROM app.activities AS l
                                WHERE l.workspace_id = c.workspace_id
                                  AND l.pipedrive_activity_id = a.id)) AS metadata
         FROM {activities} AS a
        WHERE a.workspace_id = c.workspace_id AND a.person_id = c.pipedrive_person_id
          AND a._deleted_at IS NULL
        UNION ALL
       SELECT 'local_' || l.id, 'activity', l.type,
              greatest(least(l.created_at, '9999-12-30Z'), '0001-01-02Z'),
              l.subject, l.note,
              jsonb_build_object(
                  'local_id', l.id, 'pipedrive_id', l.pipedrive_activity_id, 'done', l.done,
                  'duration', to_char(make_interval(secs => extract(epoch FROM l.duration)::float8),
                                      'HH24:MI'),
                  'due_at', l.due_at, 'local_deal_id', l.deal_id)
         FROM app.activities AS l
        WHERE l.workspace_id = c.workspace_id AND l.contact_id = c.id
          AND NOT EXISTS (
              SELECT FROM {activities} AS a
               WHERE a.workspace_id = l.workspace_id AND a.id = l.pipedrive_activity_id
                 AND a.person_id = c.pipedrive_person_id AND a._deleted_at IS NULL)
        UNION ALL
       SELECT 'message_' || m.id, 'message', m.direction, m.sent_at,
              coalesce(m.subject, initcap(m.channel)), m.body,
              jsonb_build_object(
                  'local_id', m.id, 'channel', m.channel, 'direction', m.direction,
                  'local_deal_id', m.deal_id)
         FROM app.messages AS m
        WHERE m.workspace_id = c.workspace_id AND m.contact_id = c.id
        UNION ALL
       SELECT 'stage_' || h.id, 'stage',
              CASE WHEN h.previous_stage_id IS NULL THEN 'first' ELSE 'next' END, h.moved_at,
              concat(coalesce(d.title, 'Deal ' || d.id), ': ',
                     coalesce(old.name, h.previous_stage_id::text) || ' → ',
                     coalesce(new.name, h.stage_id::text)),
              NULL,
              jsonb_build_object(
                  'deal_id', h.deal_id, 'stage_id', h.stage_id, 'stage', new.name,
                  'previous_stage_id', h.previous_stage_id, 'previous_stage', old.name,
                  'user_id', h.changed_by_user_id, 'value', h.deal_value, 'currency', h.currency,
                  'probability', h.probability)
         FROM (SELECT r.id, r.title FROM {deals} AS r
                WHERE r.workspace_id = c.workspace_id AND r.person_id = c.pipedrive_person_id
                  AND r._deleted_at IS NULL
                UNION
               SELECT r.id, r.title FROM app.deals AS l JOIN {deals} AS r
                   ON r.workspace_id = l.workspace_id AND r.id = l.pipedrive_deal_id
                  AND r._deleted_at IS NULL
                WHERE l.workspace_id = c.workspace_id AND l.contact_id = c.id) AS d
         JOIN sync.stage_history AS h
           ON h.workspace_id = c.workspace_id AND h.crm = 'pipedrive' AND h.deal_id = d.id
         LEFT JOIN {stages} AS new ON new.workspace_id = c.workspace_id AND new.id = h.stage_id
         LEFT JOIN {stages} AS old
           ON old.workspace_id = c.workspace_id AND old.id = h.previous_stage_id
       ) AS e
    ON %(before)s::timestamptz IS NULL
    OR (e.at, e.id COLLATE "C") < (%(before)s::timestamptz, %(before_id)s::text)
 WHERE c.workspace_id = %(workspace)s AND c.id = %(contact)s
 ORDER BY e.at DESC, e.id COLLATE "C" DESC
 LIMIT %(most)s;

-- name: mirrors
-- Tables of the mirror that are there: they are made by the first sync.
SELECT t.name FROM unnest(ARRAY['activities', 'deals', 'stages']) AS t (name)
 WHERE to_regclass('pipedrive.' || t.name) IS NOT NULL;

-- name: no_activities
-- Stands for a mirror that was never synced.
SELECT NULL::bigint AS id, NULL::text AS workspace_id, NULL::text AS type, NULL::text AS subject,
       NULL::text AS note, NULL::bigint AS person_id, NULL::bigint AS deal_id,
       NULL::bigint AS owner_id, NULL::boolean AS done, NULL::text AS duration,
       NULL::date AS due_date, NULL::text AS due_time, NULL::timestamptz AS add_time,
       NULL::timestamptz AS update_time, NULL::timestamptz AS _synced_at,
       NULL::timestamptz AS _deleted_at
 WHERE false;

-- name: no_deals
-- The same.
SELECT NULL::bigint AS id, NULL::text AS workspace_id, NULL::text AS title,
       NULL::bigint AS person_id, NULL::timestamptz AS _deleted_at
 WHERE false;

-- name: no_stages
-- The same.
SELECT NULL::bigint AS id, NULL::text AS workspace_id, NULL::text AS name WHERE false;

-- name: report_message
-- A message, once for its id; what is reported later under the id changes it, unless it is another
-- contact's. Says whether it is new.
INSERT INTO app.messages AS m (workspace_id, id, contact_id, deal_id, direction, channel, subject,
                               body, sent_at)
VALUES (%(workspace)s, coalesce(%(id)s, gen_random_uuid()::text), %(contact)s, %(deal)s,
        %(direction)s, %(channel)s, %(subject)s, %(body)s, %(sent_at)s)
ON CONFLICT (workspace_id, id) DO UPDATE
   SET deal_id = excluded.deal_id, direction = excluded.direction, channel = excluded.channel,
       subject = excluded.subject, body = excluded.body, sent_at = excluded.sent_at,
       updated_at = clock_timestamp()
 WHERE m.contact_id = excluded.contact_id
RETURNING id, xmax = 0 AS made;
