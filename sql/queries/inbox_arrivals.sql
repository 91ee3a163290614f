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
