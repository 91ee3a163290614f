-- name: insert
-- Deliveries as they came; those that are there already are left alone.
INSERT INTO sync.inbox (workspace_id, crm, delivery_id, body, registration_id, received_at)
SELECT * FROM unnest(%(workspaces)s::text[], %(crms)s::text[], %(ids)s::text[],
                     %(bodies)b::bytea[], %(registrations)s::bigint[],
                     %(received)s::timestamptz[])
ON CONFLICT DO NOTHING;

-- name: credentials
-- Who may bring deliveries of a CRM: retired ones, too, until their time is over.
SELECT id, workspace_id, username, password_digest,
       CASE WHEN status = 'retired' THEN accepted_until END AS accepted_until
  FROM sync.webhooks
 WHERE crm = %(crm)s AND (status <> 'retired' OR accepted_until > clock_timestamp())
 ORDER BY username;

-- name: come_back
-- A gateway that has just started: if none was there for longer than a CRM goes on trying, what was
-- sent meanwhile is lost, and a gap. Others may have been there, and it itself, going by a file.
WITH last AS (
    SELECT greatest(max(r.seen_at), clock_timestamp() - %(age)s * interval '1 second') AS seen_at
      FROM sync.receivers AS r WHERE r.crm = %(crm)s
)
UPDATE sync.webhooks AS w
   SET gap_since = least(w.gap_since, greatest(l.seen_at, w.registered_at)),
       gap_until = clock_timestamp()
  FROM last AS l
 WHERE w.crm = %(crm)s AND w.status <> 'retired'
   AND l.seen_at < clock_timestamp() - %(patience)s * interval '1 second'
RETURNING w.gap_since;

-- name: be_here
-- Deliveries can be brought now; written twice a minute at most.
INSERT INTO sync.receivers AS r (crm, seen_at) VALUES (%(crm)s, clock_timestamp())
ON CONFLICT (crm) DO UPDATE SET seen_at = excluded.seen_at
 WHERE r.seen_at < excluded.seen_at - interval '30 seconds';
