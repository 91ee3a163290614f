-- name: recall
-- A note, unless it is too old.
SELECT value FROM sync.memory
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND name = %(name)s
   AND kept_at > clock_timestamp() - %(age)s::interval;

-- name: keep
-- A new note, or a newer one in its place.
INSERT INTO sync.memory (workspace_id, crm, name, value)
VALUES (%(workspace)s, %(crm)s, %(name)s, %(value)s)
ON CONFLICT (workspace_id, crm, name) DO UPDATE
   SET value = excluded.value, kept_at = clock_timestamp();
