-- name: add
-- A new key; its secret is not kept.
INSERT INTO sync.api_keys (id, workspace_id, name, hash, scopes)
VALUES (%(id)s, %(workspace)s, %(name)s, %(hash)s, %(scopes)s);

-- name: use
-- The living key of a hash, and this call counted in its minute: one statement, so that any number
-- of gateways share the limit.
UPDATE sync.api_keys
   SET used = CASE WHEN minute_at > clock_timestamp() - interval '1 minute' THEN used + 1 ELSE 1 END,
       minute_at = CASE WHEN minute_at > clock_timestamp() - interval '1 minute'
                        THEN minute_at ELSE clock_timestamp() END,
       last_used_at = clock_timestamp()
 WHERE hash = %(hash)s AND revoked_at IS NULL
RETURNING id, workspace_id, name, scopes, created_at, last_used_at, revoked_at, used,
          60 - extract(epoch FROM clock_timestamp() - minute_at) AS seconds_left;

-- name: listing
-- Every key, the newest first.
SELECT id, workspace_id, name, scopes, created_at, last_used_at, revoked_at
  FROM sync.api_keys ORDER BY created_at DESC, id;

-- name: revoke
-- From now on nobody gets in with it.
UPDATE sync.api_keys SET revoked_at = clock_timestamp()
 WHERE id = %(id)s AND revoked_at IS NULL
RETURNING id, workspace_id, name, scopes, created_at, last_used_at, revoked_at;
