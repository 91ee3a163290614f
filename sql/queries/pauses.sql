-- name: remember
-- A fetch stops here; a later pause of the same fetch takes its place.
INSERT INTO sync.pauses AS p (key, root, run_id, workspace_id, crm, stream, options, slice,
                              resumes_at)
VALUES (%(key)s, %(root)s, %(run)s, %(workspace)s, %(crm)s, %(stream)s, %(options)s, %(slice)s,
        %(resumes_at)s)
ON CONFLICT (key) DO UPDATE
   SET run_id = excluded.run_id, options = excluded.options, slice = excluded.slice,
       resumes_at = excluded.resumes_at, paused_at = clock_timestamp();

-- name: slice
-- What a paused fetch was reading; only for the same options.
SELECT slice FROM sync.pauses WHERE key = %(key)s AND options = %(options)s::jsonb;

-- name: forget
-- The fetch is done.
DELETE FROM sync.pauses WHERE key = %(key)s;

-- name: due
-- Paused fetches whose time has come, unless the stream was synced by somebody else since.
SELECT p.* FROM sync.pauses AS p
 WHERE p.resumes_at <= %(now)s
   AND p.run_id = (SELECT r.run_id FROM sync.runs AS r
                    WHERE (r.workspace_id, r.crm, r.stream) = (p.workspace_id, p.crm, p.stream)
                      AND r.mode <> 'events'
                    ORDER BY r.id DESC LIMIT 1)
 ORDER BY p.paused_at;

-- name: waiting
-- Every paused fetch of an account, the next first.
SELECT p.stream, p.resumes_at FROM sync.pauses AS p
 WHERE p.workspace_id = %(workspace)s AND p.crm = %(crm)s ORDER BY p.resumes_at, p.stream;
