-- name: waiting
-- Deliveries whose turn it is, those that have waited longest first; no more than fit into memory
-- at once.
SELECT w.id, w.delivery_id, i.body, w.received_at, w.attempts
  FROM (SELECT i.id, i.delivery_id, i.received_at, i.attempts, i.next_attempt_at,
               sum(octet_length(i.body)) OVER before AS bytes_before
          FROM (SELECT * FROM sync.inbox
                 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND status = 'waiting'
                   AND next_attempt_at <= clock_timestamp()
                 ORDER BY next_attempt_at, id LIMIT %(most)s) AS i
        WINDOW before AS (ORDER BY i.next_attempt_at, i.id
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS w
  JOIN sync.inbox AS i ON i.id = w.id
 WHERE coalesce(w.bytes_before, 0) < %(most_bytes)s
 ORDER BY w.next_attempt_at, w.id;

-- name: still_waiting
-- Of these deliveries, those that nobody has settled meanwhile.
SELECT id FROM sync.inbox WHERE id = ANY (%(ids)s::bigint[]) AND status = 'waiting';

-- name: hold
-- Of these deliveries, those that still wait, held until the transaction ends.
SELECT id FROM sync.inbox WHERE id = ANY (%(ids)s::bigint[]) AND status = 'waiting'
 ORDER BY id FOR UPDATE;

-- name: settle
-- What was found out about deliveries, and what they have come to. A delivery is settled once.
UPDATE sync.inbox AS i
   SET status = s.status, error = s.error, version = s.version, object = s.object,
       action = s.action, remote_id = s.remote_id, event_at = s.event_at, user_id = s.user_id,
       source = s.source, outbox_id = coalesce(s.outbox_id, i.outbox_id), run_id = %(run)s,
       applied_at = clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(errors)s::text[], %(versions)s::text[],
              %(objects)s::text[], %(actions)s::text[], %(remote_ids)s::text[],
              %(event_ats)s::timestamptz[], %(user_ids)s::bigint[], %(sources)s::text[],
              %(outbox_ids)s::bigint[])
       AS s (id, status, error, version, object, action, remote_id, event_at, user_id, source,
             outbox_id)
 WHERE i.id = s.id AND i.status = 'waiting'
RETURNING i.id, i.status;

-- name: put_off
-- To be looked at again later; no attempt is used up.
UPDATE sync.inbox SET next_attempt_at = %(until)s, error = %(error)s
 WHERE id = ANY (%(ids)s::bigint[]) AND status = 'waiting'
RETURNING id;

-- name: fail
-- One attempt more that came to nothing: again after a while, or given up. What is known of the
-- event by now is kept.
UPDATE sync.inbox AS i
   SET attempts = i.attempts + 1,
       status = CASE WHEN i.attempts + 1 >= %(tries)s THEN 'dead' ELSE i.status END,
       next_attempt_at = clock_timestamp()
           + make_interval(secs => %(pause)s * power(%(factor)s, i.attempts)),
       error = s.error, run_id = %(run)s
  FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS s (id, error)
 WHERE i.id = s.id AND i.status = 'waiting'
RETURNING i.id, i.status;

-- name: kill
-- Given up at once.
UPDATE sync.inbox AS i SET status = 'dead', attempts = i.attempts + 1, error = s.error
  FROM unnest(%(ids)s::bigint[], %(errors)s::text[]) AS s (id, error)
 WHERE i.id = s.id AND i.status = 'waiting'
RETURNING i.id;

-- name: newest
-- Of each record the newest event that was settled before.
SELECT r.object, r.remote_id, e.event_at, e.id, e.action
  FROM unnest(%(objects)s::text[], %(remote_ids)s::text[]) AS r (object, remote_id)
 CROSS JOIN LATERAL (
       SELECT i.event_at, i.id, i.action FROM sync.inbox AS i
        WHERE i.workspace_id = %(workspace)s AND i.crm = %(crm)s AND i.object = r.object
          AND i.remote_id = r.remote_id AND i.status IN ('applied', 'echo')
        ORDER BY i.event_at DESC, i.id DESC LIMIT 1) AS e;

-- name: listing
-- The newest first, without their bodies.
SELECT id, workspace_id, crm, delivery_id, registration_id, received_at, status, attempts,
       next_attempt_at, error, version, object, action, remote_id, event_at, user_id, source,
       outbox_id, run_id, applied_at, octet_length(body) AS bytes
  FROM sync.inbox
 WHERE workspace_id = %(workspace)s
   AND (%(status)s::text IS NULL OR status = %(status)s)
   AND (%(object)s::text IS NULL OR object = %(object)s)
   AND (%(before)s::bigint IS NULL OR id < %(before)s)
 ORDER BY id DESC LIMIT %(limit)s;

-- name: show
-- One delivery of a tenant, body and all.
SELECT * FROM sync.inbox WHERE workspace_id = %(workspace)s AND id = %(id)s;

-- name: replay
-- These deliveries, or all of a status, wait for their turn again as if new.
UPDATE sync.inbox
   SET status = 'waiting', attempts = 0, next_attempt_at = clock_timestamp(), error = NULL,
       applied_at = NULL
 WHERE workspace_id = %(workspace)s AND status <> 'waiting'
   AND (id = ANY (%(ids)s::bigint[]) OR (%(status)s::text IS NOT NULL AND status = %(status)s))
RETURNING id;

-- name: announce
-- Whoever waits for deliveries shall look.
NOTIFY crm_inbox;

-- name: counts
-- How many there are in each state.
SELECT status, count(*) AS deliveries FROM sync.inbox
 WHERE workspace_id = %(workspace)s GROUP BY status;

-- name: oldest_waiting
-- How long the oldest delivery has waited, in seconds; null where none waits.
SELECT extract(epoch FROM clock_timestamp() - min(received_at))::float8 AS seconds
  FROM sync.inbox WHERE workspace_id = %(workspace)s AND status = 'waiting';

-- name: last_by_kind
-- When the last delivery of each kind of event came. Kinds are few and deliveries many: the index
-- is entered once for each kind.
WITH RECURSIVE kinds AS (
    (SELECT crm, object, action FROM sync.inbox
      WHERE workspace_id = %(workspace)s AND object IS NOT NULL AND action IS NOT NULL
      ORDER BY crm, object, action LIMIT 1)
    UNION ALL
    SELECT n.* FROM kinds AS k CROSS JOIN LATERAL (
           SELECT i.crm, i.object, i.action FROM sync.inbox AS i
            WHERE i.workspace_id = %(workspace)s AND i.object IS NOT NULL
              AND i.action IS NOT NULL
              AND (i.crm, i.object, i.action) > (k.crm, k.object, k.action)
            ORDER BY i.crm, i.object, i.action LIMIT 1) AS n
)
SELECT k.crm, k.object, k.action, l.received_at
  FROM kinds AS k CROSS JOIN LATERAL (
       SELECT i.received_at FROM sync.inbox AS i
        WHERE i.workspace_id = %(workspace)s AND i.crm = k.crm AND i.object = k.object
          AND i.action = k.action
        ORDER BY i.received_at DESC LIMIT 1) AS l;

-- name: mark
-- How many deliveries have their turn (a thousand are as good as any more), and a mark that changes
-- with them.
SELECT count(*) AS deliveries, concat_ws('/', max(w.id), count(*), max(w.next_attempt_at)) AS mark
  FROM (SELECT id, next_attempt_at FROM sync.inbox
         WHERE workspace_id = ANY (%(workspaces)s) AND crm = %(crm)s AND status = 'waiting'
           AND next_attempt_at <= clock_timestamp()
         LIMIT 1000) AS w;

-- name: listen
-- From now on a commit that brought deliveries is told to this connection.
LISTEN crm_inbox;

-- name: take_turn
-- One applier at a time for an account, for as long as its session lives. A machine that vanishes
-- is noticed within a minute.
SELECT pg_try_advisory_lock(7421011, hashtext(%(workspace)s || ' ' || %(crm)s)) AS taken,
       set_config('tcp_keepalives_idle', '20', false),
       set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '4', false);

-- name: linked
-- Of these records, those that a row of the local side is linked to.
SELECT r.id FROM unnest(%(ids)s::bigint[]) AS r (id)
 WHERE CASE %(entity)s
       WHEN 'person' THEN EXISTS (SELECT FROM app.contacts AS l
             WHERE l.workspace_id = %(workspace)s AND l.pipedrive_person_id = r.id)
       WHEN 'organization' THEN EXISTS (SELECT FROM app.organizations AS l
             WHERE l.workspace_id = %(workspace)s AND l.pipedrive_org_id = r.id)
       WHEN 'deal' THEN EXISTS (SELECT FROM app.deals AS l
             WHERE l.workspace_id = %(workspace)s AND l.pipedrive_deal_id = r.id)
       WHEN 'activity' THEN EXISTS (SELECT FROM app.activities AS l
             WHERE l.workspace_id = %(workspace)s AND l.pipedrive_activity_id = r.id)
       END;

-- name: rejected
-- Records that the mirror's phases have rejected in some runs.
SELECT stream, record_id, reasons::text AS reasons FROM sync.rejected_records
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND run_id = ANY (%(runs)s);
