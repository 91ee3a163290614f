-- name: quietly
-- Triggers of the local side do not answer for the rest of the transaction.
SELECT set_config('crm_pipelines.origin', 'sync', true);

-- name: set_lead_status
-- A new status; what it was.
UPDATE app.contacts AS c SET lead_status = %(status)s
  FROM (SELECT lead_status AS before FROM app.contacts
         WHERE workspace_id = %(workspace)s AND id = %(contact)s) AS o
 WHERE c.workspace_id = %(workspace)s AND c.id = %(contact)s
RETURNING o.before;

-- name: set_lead_score
-- A new score; what it was.
UPDATE app.contacts AS c SET lead_score = %(score)s
  FROM (SELECT lead_score AS before FROM app.contacts
         WHERE workspace_id = %(workspace)s AND id = %(contact)s) AS o
 WHERE c.workspace_id = %(workspace)s AND c.id = %(contact)s
RETURNING o.before;

-- name: start_campaign
-- A membership, unless there is an active one.
INSERT INTO app.campaign_memberships (workspace_id, campaign, contact_id, deal_id, since, until,
                                      started_by)
VALUES (%(workspace)s, %(campaign)s, %(contact)s, %(deal_id)s, statement_timestamp(),
        statement_timestamp() + make_interval(days => %(days)s::integer), %(move)s)
ON CONFLICT (workspace_id, campaign, contact_id) WHERE status = 'active' DO NOTHING
RETURNING id;

-- name: stop_campaign
-- Active memberships end: those of one campaign, or all.
UPDATE app.campaign_memberships
   SET status = 'stopped', until = clock_timestamp(), stopped_by = %(move)s
 WHERE workspace_id = %(workspace)s AND contact_id = %(contact)s AND status = 'active'
   AND (%(campaign)s::text IS NULL OR campaign = %(campaign)s)
RETURNING campaign;

-- name: next_owner
-- Of some users, the one who was given the fewest deals of this stage; the first of several.
SELECT u.id, u.email
  FROM unnest(%(people)s::text[]) WITH ORDINALITY AS n (name, place)
  JOIN app.users AS u ON u.workspace_id = %(workspace)s
                     AND (u.id = n.name OR lower(u.email) = lower(n.name))
 ORDER BY (SELECT count(*) FROM sync.stage_actions AS a
             JOIN sync.stage_history AS h ON h.id = a.history_id
            WHERE a.workspace_id = %(workspace)s AND a.crm = %(crm)s
              AND a.action = 'assign_owner' AND a.result ->> 'owner' = u.id
              AND h.stage_id = %(stage_id)s), n.place LIMIT 1;

-- name: assign_contact
-- Whose the contact is.
UPDATE app.contacts SET user_id = %(owner)s
 WHERE workspace_id = %(workspace)s AND id = %(contact)s AND user_id IS DISTINCT FROM %(owner)s
RETURNING 'contact' AS what;

-- name: assign_deal
-- Whose the deal is.
UPDATE app.deals SET user_id = %(owner)s
 WHERE workspace_id = %(workspace)s AND id = %(deal)s AND user_id IS DISTINCT FROM %(owner)s
RETURNING 'deal' AS what;

-- name: due
-- Actions whose time has come, in the order in which they were set off; behind the one given.
SELECT id FROM sync.stage_actions
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND status = 'waiting'
   AND next_attempt_at <= clock_timestamp() AND id > %(after)s
 ORDER BY id LIMIT %(most)s;

-- name: take
-- One of them, held, with the change of stage that set it off; nothing if somebody has it.
SELECT a.*, h.deal_id, h.stage_id, h.previous_stage_id, h.changed_at
  FROM sync.stage_actions AS a JOIN sync.stage_history AS h ON h.id = a.history_id
 WHERE a.id = %(id)s AND a.status = 'waiting' AND a.next_attempt_at <= clock_timestamp()
   FOR UPDATE OF a SKIP LOCKED;

-- name: remote_deal
-- The deal as the mirror has it.
SELECT title, person_id, _deleted_at IS NOT NULL OR coalesce(is_deleted, false) AS gone
  FROM pipedrive.deals WHERE workspace_id = %(workspace)s AND id = %(deal_id)s;

-- name: stage_names
-- Names of stages.
SELECT id, name FROM pipedrive.stages
 WHERE workspace_id = %(workspace)s AND id = ANY (%(ids)s::bigint[]);

-- name: local_deal
-- The deal's row of the local side, the first there was, held.
SELECT * FROM app.deals
 WHERE workspace_id = %(workspace)s AND pipedrive_deal_id = %(deal_id)s
 ORDER BY created_at, id LIMIT 1 FOR NO KEY UPDATE;

-- name: contact_of_person
-- The contact that a person is, the first there was.
SELECT id FROM app.contacts
 WHERE workspace_id = %(workspace)s AND pipedrive_person_id = %(person_id)s
 ORDER BY created_at, id LIMIT 1;

-- name: contact_of_deal
-- The contact that the local side says the deal is about.
SELECT contact_id AS id FROM app.deals
 WHERE workspace_id = %(workspace)s AND pipedrive_deal_id = %(deal_id)s
   AND contact_id IS NOT NULL
 ORDER BY created_at, id LIMIT 1;

-- name: contact
-- A contact, held.
SELECT * FROM app.contacts WHERE workspace_id = %(workspace)s AND id = %(id)s
   FOR NO KEY UPDATE;

-- name: hold_deal
-- Nobody adds to the deal's history meanwhile; nothing if somebody is at it.
SELECT deal_id FROM sync.deal_pasts
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND deal_id = %(deal_id)s
   FOR UPDATE SKIP LOCKED;

-- name: where_now
-- The stage that the deal has gone on to, if it has.
SELECT n.stage_id, n.changed_at
  FROM sync.stage_history AS h
  JOIN sync.stage_history AS n
    ON n.workspace_id = h.workspace_id AND n.crm = h.crm AND n.deal_id = h.deal_id
   AND n.left_at IS NULL AND n.id <> h.id
 WHERE h.id = %(move)s AND h.left_at IS NOT NULL;

-- name: settle
-- What became of an action.
UPDATE sync.stage_actions
   SET status = %(status)s, outcome = %(outcome)s, result = %(result)s,
       attempts = attempts + %(tries)s, run_id = nullif(%(run)s, ''),
       settled_at = clock_timestamp()
 WHERE id = %(id)s AND status = 'waiting';

-- name: put_off
-- An action waits; for good where its attempts are used up.
UPDATE sync.stage_actions
   SET attempts = attempts + %(tries)s, outcome = %(outcome)s, run_id = nullif(%(run)s, ''),
       next_attempt_at = clock_timestamp() + make_interval(secs => %(seconds)s),
       status = CASE WHEN attempts + %(tries)s >= %(most)s THEN 'failed' ELSE 'waiting' END,
       settled_at = CASE WHEN attempts + %(tries)s >= %(most)s THEN clock_timestamp() END
 WHERE id = %(id)s AND status = 'waiting'
RETURNING status;

-- name: lock
-- One works at the actions of an account at a time; the others wait.
SELECT pg_advisory_lock(7421012, hashtext(%(account)s));

-- name: again
-- Actions that failed or were skipped wait for their turn again.
UPDATE sync.stage_actions
   SET status = 'waiting', attempts = 0, next_attempt_at = clock_timestamp(), settled_at = NULL
 WHERE workspace_id = %(workspace)s AND status IN ('failed', 'skipped')
   AND (id = ANY (%(ids)s::bigint[])
        OR cardinality(%(ids)s::bigint[]) = 0 AND status = 'failed')
RETURNING id;

-- name: listing
-- Actions with what set them off, the newest first.
SELECT a.id, a.action, a.options, a.status, a.outcome, a.attempts, a.run_id, a.created_at,
       a.settled_at, a.next_attempt_at, h.deal_id, h.stage_id, h.previous_stage_id, h.changed_at
  FROM sync.stage_actions AS a JOIN sync.stage_history AS h ON h.id = a.history_id
 WHERE a.workspace_id = %(workspace)s
   AND (%(status)s::text IS NULL OR a.status = %(status)s)
   AND (%(deal_id)s::bigint IS NULL OR h.deal_id = %(deal_id)s)
 ORDER BY a.id DESC LIMIT %(limit)s;

-- name: counts
-- How many there are in each state.
SELECT status, count(*) AS actions FROM sync.stage_actions
 WHERE workspace_id = %(workspace)s GROUP BY status;

-- name: due_count
-- How many could be run now.
SELECT count(*) AS actions FROM sync.stage_actions
 WHERE workspace_id = ANY (%(workspaces)s) AND crm = %(crm)s AND status = 'waiting'
   AND next_attempt_at <= clock_timestamp();
