-- name: read
-- One sealed credential.
SELECT sealed, key_id FROM sync.credentials
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND kind = %(kind)s;

-- name: write
-- A new one in its place.
INSERT INTO sync.credentials (workspace_id, crm, kind, sealed, key_id)
VALUES (%(workspace)s, %(crm)s, %(kind)s, %(sealed)s, %(key_id)s)
ON CONFLICT (workspace_id, crm, kind) DO UPDATE
   SET sealed = excluded.sealed, key_id = excluded.key_id, updated_at = clock_timestamp();

-- name: forget
-- What cannot be opened any more is of no use.
DELETE FROM sync.credentials
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND kind = %(kind)s;

-- name: all_locked
-- Every row, while nobody else may write one.
SELECT workspace_id AS workspace, crm, kind, sealed, key_id FROM sync.credentials
 ORDER BY 1, 2, 3 FOR UPDATE;
