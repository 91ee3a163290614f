-- name: alone
-- One process at a time changes the webhooks of an account; until the connection is closed.
SELECT pg_advisory_lock(7421012, hashtext(%(workspace)s || '/' || %(crm)s));

-- name: every
-- Every registration of an account, the oldest first.
SELECT id, object, action, url, remote_id, username, status, remark, registered_at, checked_at,
       accepted_until, gap_since, gap_until
  FROM sync.webhooks
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s ORDER BY id;

-- name: workspaces
-- Who has webhooks that were not given up.
SELECT DISTINCT workspace_id AS workspace FROM sync.webhooks
 WHERE crm = %(crm)s AND status <> 'retired' ORDER BY 1;

-- name: add
-- From now on deliveries with these credentials are taken.
INSERT INTO sync.webhooks (workspace_id, crm, object, action, url, username, password_digest,
                           gap_since)
VALUES (%(workspace)s, %(crm)s, %(object)s, %(action)s, %(url)s, %(username)s, %(digest)s,
        %(gap_since)s)
RETURNING id, object, action, url, remote_id, username, status, remark, registered_at, checked_at,
          accepted_until, gap_since, gap_until;

-- name: made
-- The CRM has it, under this id.
UPDATE sync.webhooks SET remote_id = %(remote_id)s WHERE id = %(id)s;

-- name: forget
-- The CRM refused to make it: nobody was ever given these credentials.
DELETE FROM sync.webhooks WHERE id = %(id)s;

-- name: retire
-- It is removed; what is under way is taken for so long.
UPDATE sync.webhooks
   SET status = 'retired', remark = %(remark)s,
       accepted_until = clock_timestamp() + %(seconds)s * interval '1 second'
 WHERE id = ANY (%(ids)s) AND status <> 'retired';

-- name: judge
-- What a look at the CRM's own list has shown.
UPDATE sync.webhooks AS w
   SET status = v.status, remark = v.remark, checked_at = clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(remarks)s::text[]) AS v (id, status, remark)
 WHERE w.id = v.id AND w.status <> 'retired';

-- name: heard
-- When each registration's kind of event came last, read or not yet read.
SELECT w.id,
       greatest((SELECT max(l.received_at)
                   FROM (VALUES ('create'), ('change'), ('delete')) AS a (action),
                LATERAL (SELECT i.received_at FROM sync.inbox AS i
                          WHERE i.workspace_id = w.workspace_id AND i.crm = w.crm
                            AND i.object = w.object AND i.action = a.action
                          ORDER BY i.received_at DESC LIMIT 1) AS l),
                (SELECT max(i.received_at) FROM sync.inbox AS i
                  WHERE i.workspace_id = w.workspace_id AND i.crm = w.crm
                    AND i.status = 'waiting' AND i.registration_id = w.id)) AS heard_at
  FROM sync.webhooks AS w
 WHERE w.workspace_id = %(workspace)s AND w.crm = %(crm)s AND w.status <> 'retired';

-- name: synced
-- Streams that were synced since a moment, and whether one of those syncs saw everything.
SELECT stream, bool_or(mode = 'full') AS whole FROM sync.runs
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND started_at >= %(since)s
   AND status IN ('success', 'partial') AND mode IN ('incremental', 'full')
 GROUP BY stream;

-- name: close_gap
-- Syncs have made up for what a webhook did not tell.
UPDATE sync.webhooks SET gap_since = NULL, gap_until = NULL WHERE id = %(id)s;

-- name: unheard
-- Rows that changed well after the last delivery of their kind, and long enough ago to have been
-- told of: the CRM's clock need not be ours.
SELECT count(*) AS records, min({stamp}) AS first_at
  FROM {table}
 WHERE workspace_id = %(workspace)s AND ({scope})
   AND {stamp} > %(since)s + %(patience)s * interval '1 second'
   AND {stamp} < clock_timestamp() - %(patience)s * interval '1 second';
