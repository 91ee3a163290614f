-- name: mirrored
-- Whether a table of the mirror is there.
SELECT to_regclass(%(table)s) IS NOT NULL AS there;

-- name: mappings
-- Stages of the mirror with their mappings, and mappings whose stage is gone.
SELECT coalesce(s.id, m.stage_id) AS stage_id, s.name, s.pipeline_id, p.name AS pipeline,
       s.order_nr, s.deal_probability, m.stage_id IS NOT NULL AS mapped, m.local_status,
       m.probability, m.actions, m.enabled, m.active_since, m.updated_by, m.updated_at
  FROM (SELECT * FROM pipedrive.stages
         WHERE workspace_id = %(workspace)s AND _deleted_at IS NULL
           AND is_deleted IS NOT TRUE) AS s
  LEFT JOIN pipedrive.pipelines AS p ON p.workspace_id = s.workspace_id AND p.id = s.pipeline_id
  FULL JOIN (SELECT * FROM sync.stage_mappings
              WHERE workspace_id = %(workspace)s AND crm = %(crm)s) AS m ON m.stage_id = s.id
 ORDER BY s.pipeline_id, s.order_nr, stage_id;

-- name: mappings_only
-- Mappings where no stage has been mirrored yet.
SELECT stage_id, NULL::text AS name, NULL::bigint AS pipeline_id, NULL::text AS pipeline,
       NULL::bigint AS order_nr, NULL::bigint AS deal_probability, true AS mapped, local_status,
       probability, actions, enabled, active_since, updated_by, updated_at
  FROM sync.stage_mappings WHERE workspace_id = %(workspace)s AND crm = %(crm)s
 ORDER BY stage_id;

-- name: known
-- Stages that deals can be in.
SELECT id, coalesce(name, id::text) AS name FROM pipedrive.stages
 WHERE workspace_id = %(workspace)s AND _deleted_at IS NULL AND is_deleted IS NOT TRUE ORDER BY id;

-- name: unknown_users
-- Ids and e-mail addresses that are nobody's.
SELECT n.name FROM unnest(%(names)s::text[]) AS n (name)
 WHERE NOT EXISTS (SELECT FROM app.users AS u
                    WHERE u.workspace_id = %(workspace)s
                      AND (u.id = n.name OR lower(u.email) = lower(n.name)));

-- name: put
-- A mapping; one that is switched on, or made anew, counts from now on.
INSERT INTO sync.stage_mappings AS m (workspace_id, crm, stage_id, local_status, probability,
                                      actions, enabled, updated_by)
VALUES (%(workspace)s, %(crm)s, %(stage_id)s, %(local_status)s, %(probability)s, %(actions)s,
        %(enabled)s, %(who)s)
ON CONFLICT (workspace_id, crm, stage_id) DO UPDATE
   SET local_status = excluded.local_status, probability = excluded.probability,
       actions = excluded.actions, enabled = excluded.enabled, updated_by = excluded.updated_by,
       updated_at = clock_timestamp(),
       active_since = CASE WHEN m.enabled THEN m.active_since ELSE excluded.active_since END;

-- name: remove
-- A mapping goes; what it has set off stays.
DELETE FROM sync.stage_mappings
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stage_id = %(stage_id)s
RETURNING stage_id;

-- name: note
-- What is told of deals; the ids of new rows.
SELECT sync.note_stages(%(workspace)s, %(crm)s, %(told)s) AS ids;

-- name: complete
-- What the mirror shows of deals; how many rows are new.
SELECT sync.complete_stages(%(workspace)s, %(crm)s, %(most)s) AS added;

-- name: history
-- The stages of a deal where no names of stages are known.
SELECT h.*, NULL::text AS stage, NULL::text AS previous_stage FROM sync.stage_history AS h
 WHERE h.workspace_id = %(workspace)s AND h.crm = %(crm)s AND h.deal_id = %(deal_id)s
 ORDER BY h.changed_at, h.moved_at, h.stage_id;

-- name: history_named
-- The stages of a deal.
SELECT h.*, s.name AS stage, b.name AS previous_stage
  FROM sync.stage_history AS h
  LEFT JOIN pipedrive.stages AS s ON s.workspace_id = h.workspace_id AND s.id = h.stage_id
  LEFT JOIN pipedrive.stages AS b ON b.workspace_id = h.workspace_id AND b.id = h.previous_stage_id
 WHERE h.workspace_id = %(workspace)s AND h.crm = %(crm)s AND h.deal_id = %(deal_id)s
 ORDER BY h.changed_at, h.moved_at, h.stage_id;

-- name: past
-- How far the past of a deal is known.
SELECT * FROM sync.deal_pasts
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND deal_id = %(deal_id)s;

-- name: past_states
-- How many deals are how far.
SELECT status, count(*) AS deals FROM sync.deal_pasts
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s GROUP BY status;

-- name: forget_gone
-- Deals that the mirror knows to be deleted have no log that could be asked for.
UPDATE sync.deal_pasts AS p SET status = 'gone', read_at = clock_timestamp()
  FROM pipedrive.deals AS d
 WHERE p.workspace_id = %(workspace)s AND p.crm = %(crm)s AND p.status IN ('unread', 'reading')
   AND d.workspace_id = p.workspace_id AND d.id = p.deal_id
   AND (d._deleted_at IS NOT NULL OR d.is_deleted);

-- name: reopen_gaps
-- Deals of which a change became known since, from a stage that nobody saw them come into.
WITH links AS (
    SELECT h.deal_id, h.previous_stage_id, h.created_at,
           lag(h.stage_id) OVER (PARTITION BY h.deal_id
                                 ORDER BY h.changed_at, h.moved_at, h.stage_id) AS stage_before
      FROM sync.stage_history AS h
     WHERE h.workspace_id = %(workspace)s AND h.crm = %(crm)s)
UPDATE sync.deal_pasts AS p SET status = 'unread', page_token = NULL, carried = NULL
  FROM (SELECT deal_id, max(created_at) AS created_at FROM links
         WHERE previous_stage_id IS DISTINCT FROM stage_before GROUP BY deal_id) AS g
 WHERE p.workspace_id = %(workspace)s AND p.crm = %(crm)s AND p.deal_id = g.deal_id
   AND p.status = 'complete' AND g.created_at > p.read_at;

-- name: next_past
-- The deal whose log is read next, with the values that it has now.
SELECT p.*, d.value, d.currency, d.probability, d.stage_id, d.stage_change_time, d.creator_user_id
  FROM sync.deal_pasts AS p
  JOIN pipedrive.deals AS d ON d.workspace_id = p.workspace_id AND d.id = p.deal_id
 WHERE p.workspace_id = %(workspace)s AND p.crm = %(crm)s AND p.status IN ('unread', 'reading')
 ORDER BY p.status = 'reading' DESC, p.deal_id DESC LIMIT 1;

-- name: keep_past
-- How far the log of a deal has been read.
UPDATE sync.deal_pasts
   SET status = %(status)s, page_token = %(page_token)s, carried = %(carried)s,
       tokens = tokens + %(tokens)s, read_at = clock_timestamp()
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND deal_id = %(deal_id)s;

-- name: lock_pasts
-- One reads the change logs of an account at a time.
SELECT pg_try_advisory_lock(7421013, hashtext(%(account)s)) AS ours;

-- name: paused_until
-- When reading change logs goes on.
SELECT resumes_at FROM sync.pauses WHERE key = %(key)s;

-- name: pipelines
-- Which pipeline each stage is in.
SELECT id, pipeline_id FROM pipedrive.stages WHERE workspace_id = %(workspace)s;

-- name: latest_sync
-- The last sync of some streams that wrote something; what webhooks wrote is looked after already.
SELECT coalesce(max(id), 0) AS id FROM sync.runs
 WHERE crm = %(crm)s AND workspace_id = ANY (%(workspaces)s) AND stream = ANY (%(streams)s)
   AND mode <> 'events' AND created + updated > 0;

-- name: paused
-- When reading the past was to go on, where that time has come.
SELECT min(resumes_at) AS resumes_at FROM sync.pauses
 WHERE crm = %(crm)s AND workspace_id = ANY (%(workspaces)s) AND stream = %(stream)s
   AND resumes_at <= %(now)s;
