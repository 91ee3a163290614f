-- name: load
-- The checkpoint of a run that is executed again.
SELECT * FROM sync.checkpoints WHERE key = %(key)s;

-- name: unfinished
-- Checkpoints of the same slice that a broken-off run may have left, newest first.
SELECT * FROM sync.checkpoints
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s
   AND slice = %(slice)s::jsonb AND updated_at > clock_timestamp() - interval '2 days'
 ORDER BY started_at DESC;

-- name: begin
-- A new fetch.
INSERT INTO sync.checkpoints (key, workspace_id, crm, stream, slice, fields, started_at)
VALUES (%(key)s, %(workspace)s, %(crm)s, %(stream)s, %(slice)s, %(fields)s, %(started_at)s)
ON CONFLICT (key) DO UPDATE
   SET slice = excluded.slice, fields = excluded.fields, started_at = excluded.started_at,
       place = NULL, chunks = '[]', complete = false, api_calls = 0, tokens = 0;

-- name: keep
-- Where the fetch is now; the chunks before it are safely stored.
UPDATE sync.checkpoints
   SET place = %(place)s,
       chunks = chunks || %(chunks)s::jsonb,
       complete = %(complete)s,
       api_calls = %(api_calls)s,
       tokens = %(tokens)s,
       updated_at = clock_timestamp()
 WHERE key = %(key)s;

-- name: finish
-- The run's data is in the mirror; its checkpoint has no further use.
DELETE FROM sync.checkpoints WHERE key = %(key)s;

-- name: stale
-- Checkpoints nobody will come back for.
DELETE FROM sync.checkpoints WHERE updated_at < clock_timestamp() - interval '7 days';

-- name: keys
-- Every checkpoint there is.
SELECT key FROM sync.checkpoints;
