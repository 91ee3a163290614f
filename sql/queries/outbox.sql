-- name: insert
-- A new command; none if the row of the local side has its create already.
INSERT INTO sync.outbox (workspace_id, crm, entity, kind, local_id, remote_id, payload, base,
                         trigger, priority, record, lane, after_id, who)
VALUES (%(workspace)s, %(crm)s, %(entity)s, %(kind)s, %(local_id)s, %(remote_id)s, %(payload)s,
        %(base)s, %(trigger)s, %(priority)s, %(record)s, %(lane)s, %(after)s, %(who)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: create_of
-- The create of a row of the local side.
SELECT id FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND entity = %(entity)s
   AND local_id = %(local_id)s AND kind = 'create';

-- name: lock_record
-- Commands that know the CRM's record only are numbered one after the other.
SELECT pg_advisory_xact_lock(7421012, hashtext(%(workspace)s || %(crm)s || %(record)s));

-- name: due
-- Commands whose turn it is, the most urgent first, then the oldest.
SELECT o.* FROM sync.commands_in_turn AS t JOIN sync.outbox AS o ON o.id = t.id
 WHERE t.workspace_id = %(workspace)s AND t.crm = %(crm)s
   AND (t.status = 'pending' OR %(failed_too)s)
 ORDER BY t.priority, t.id LIMIT %(most)s;

-- name: due_among
-- Of these commands, those whose turn it is.
SELECT o.* FROM sync.commands_in_turn AS t JOIN sync.outbox AS o ON o.id = t.id
 WHERE t.id = ANY (%(ids)s::bigint[]) AND t.workspace_id = %(workspace)s AND t.crm = %(crm)s
   AND (t.status = 'pending' OR %(failed_too)s)
 ORDER BY t.priority, t.id LIMIT %(most)s;

-- name: hold_back
-- Of commands whose turn it is, those that must not be sent now after all.
SELECT id FROM sync.hold_back(%(ids)s::bigint[]) AS id;

-- name: claim
-- Into a worker's hands: those that are still as they were seen and whose turn it is.
SELECT * FROM sync.claim(%(worker)s, %(ids)s::bigint[], %(versions)s::integer[]) ORDER BY id;

-- name: mark_sent
-- A write of this command leaves now; of several attempts the last one counts, since those before
-- it were looked for. No row: the command is somebody else's by now.
UPDATE sync.outbox SET sent_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE id = %(id)s AND version = %(version)s AND status = 'sending'
RETURNING sent_at;

-- name: release
-- Waits for another attempt; one that does not count is forgotten.
UPDATE sync.outbox
   SET status = 'pending', worker = NULL, next_attempt_at = %(retry_at)s, error = %(error)s,
       attempts = attempts - CASE WHEN %(count)s THEN 0 ELSE 1 END,
       updated_at = clock_timestamp()
 WHERE id = %(id)s AND version = %(version)s AND status = 'sending'
RETURNING id;

-- name: settle_badly
-- Failed for now, or dead; also what was never sent because it cannot be.
UPDATE sync.outbox
   SET status = %(status)s, worker = NULL, error = %(error)s, problems = %(problems)s,
       next_attempt_at = coalesce(%(retry_at)s, next_attempt_at), updated_at = clock_timestamp()
 WHERE id = %(id)s AND version = %(version)s AND status IN ('sending', 'pending', 'failed')
RETURNING id;

-- name: deliver
-- It is in the CRM.
UPDATE sync.outbox
   SET status = 'delivered', worker = NULL, remote_id = coalesce(%(remote_id)s, remote_id),
       fingerprint = %(fingerprint)s, error = NULL, problems = '{}',
       delivered_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE id = %(id)s AND version = %(version)s AND status = 'sending'
RETURNING pg_notify('crm_outbox', '');

-- name: tell_followers
-- Later commands of a record that was created know it by its id in the CRM.
UPDATE sync.outbox SET remote_id = %(remote_id)s
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND status <> 'delivered'
   AND record = (SELECT record FROM sync.outbox WHERE id = %(id)s)
   AND remote_id IS NULL AND id > %(id)s;

-- name: recover
-- Back from workers that are no more: nobody holds their lock. When they were sent is kept.
UPDATE sync.outbox AS o
   SET status = 'pending', worker = NULL, version = o.version + 1,
       next_attempt_at = clock_timestamp(), error = 'the worker that had it in hand is gone',
       updated_at = clock_timestamp()
 WHERE o.status = 'sending'
   AND NOT EXISTS (
       SELECT FROM pg_locks AS l
        WHERE l.locktype = 'advisory' AND l.classid = 7421009 AND l.objsubid = 2
          AND l.objid = o.worker::oid AND l.granted
          AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
RETURNING o.id, pg_notify('crm_outbox', '');

-- name: worker_number
-- The next worker's.
SELECT nextval('sync.worker_numbers') AS number;

-- name: worker_lock
-- Held as long as the session lives. A machine that vanishes is noticed within a minute.
SELECT pg_try_advisory_lock(7421009, %(number)s) AS taken,
       set_config('tcp_keepalives_idle', '20', false),
       set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '4', false);

-- name: open_for
-- Commands of a record that are not through, in their order.
SELECT * FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND record = %(record)s AND status <> 'delivered'
   AND status <> 'dead'
 ORDER BY id;

-- name: listing
-- The newest first.
SELECT * FROM sync.outbox
 WHERE workspace_id = %(workspace)s
   AND (%(status)s::text IS NULL OR status = %(status)s)
   AND (%(entity)s::text IS NULL OR entity = %(entity)s)
   AND (%(before)s::bigint IS NULL OR id < %(before)s)
 ORDER BY id DESC LIMIT %(limit)s;

-- name: listing_undelivered
-- The newest first of those that did not get there; there may be few among very many.
SELECT * FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND status = %(status)s AND status <> 'delivered'
   AND (%(entity)s::text IS NULL OR entity = %(entity)s)
   AND (%(before)s::bigint IS NULL OR id < %(before)s)
 ORDER BY id DESC LIMIT %(limit)s;

-- name: get
-- One command of a tenant.
SELECT * FROM sync.outbox WHERE workspace_id = %(workspace)s AND id = %(id)s;

-- name: counts
-- How many there are in each state.
SELECT status, count(*) AS commands FROM sync.outbox
 WHERE workspace_id = %(workspace)s GROUP BY status;

-- name: redrive
-- Dead and failed commands wait for their turn again, as if new. What a later command of the same
-- record has written since is not written over; where nothing is left there is nothing to do.
WITH chosen AS (
    SELECT o.id, CASE o.kind WHEN 'create' THEN o.payload ELSE o.payload - l.fields END AS payload
      FROM sync.outbox AS o,
           LATERAL (SELECT coalesce(array_agg(f.field), '{}') AS fields
                      FROM sync.outbox AS l, jsonb_object_keys(l.payload) AS f (field)
                     WHERE l.workspace_id = o.workspace_id AND l.crm = o.crm
                       AND l.record = o.record AND l.id > o.id
                       AND l.status IN ('delivered', 'sending')) AS l
     WHERE o.workspace_id = %(workspace)s AND o.status IN ('failed', 'dead')
       AND (o.id = ANY (%(ids)s::bigint[]) OR o.status = %(status)s)
       FOR NO KEY UPDATE OF o
)
UPDATE sync.outbox AS o
   SET status = CASE WHEN o.kind = 'update' AND c.payload = '{}' THEN 'delivered'
                     ELSE 'pending' END,
       delivered_at = CASE WHEN o.kind = 'update' AND c.payload = '{}' THEN clock_timestamp() END,
       payload = c.payload, attempts = 0, version = o.version + 1,
       next_attempt_at = clock_timestamp(), who = coalesce(nullif(%(who)s, ''), o.who),
       error = CASE WHEN o.kind = 'update' AND c.payload = '{}'
                    THEN 'later commands have written all of these fields' END,
       problems = '{}', updated_at = clock_timestamp()
  FROM chosen AS c WHERE o.id = c.id
RETURNING o.id, o.entity, o.local_id, o.status, pg_notify('crm_outbox', '');

-- name: hold_row
-- A row of the local side before its commands: everybody takes them in this order.
SELECT sync.hold_row(%(entity)s, %(workspace)s, %(local_id)s);

-- name: mark
-- A row of the local side says how its way to the CRM stands.
SELECT sync.mark(%(entity)s, %(workspace)s, %(local_id)s, %(tried)s, %(stamp)s);

-- name: mark_all
-- The same for many.
SELECT sync.mark(k.entity, %(workspace)s, k.local_id, NULL, NULL)
  FROM unnest(%(entities)s::text[], %(local_ids)s::text[]) AS k (entity, local_id)
 ORDER BY k.entity, k.local_id;

-- name: listen
-- From now on a commit that wrote a command is told to this connection.
LISTEN crm_outbox;
