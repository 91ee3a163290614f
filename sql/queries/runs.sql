-- name: watermark
-- How far a stream is safe.
SELECT watermark FROM sync.watermarks
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s;

-- name: move_watermark
-- Forward only: of two runs that end out of order the later start counts.
INSERT INTO sync.watermarks AS w (workspace_id, crm, stream, watermark, run_id)
VALUES (%(workspace)s, %(crm)s, %(stream)s, %(watermark)s, %(run)s)
ON CONFLICT (workspace_id, crm, stream) DO UPDATE
   SET watermark = excluded.watermark, run_id = excluded.run_id, updated_at = clock_timestamp()
 WHERE w.watermark < excluded.watermark;

-- name: record
-- One line of sync history.
INSERT INTO sync.runs (run_id, workspace_id, crm, stream, mode, "window", status, processed,
                       created, updated, unchanged, rejected, deleted, api_calls, tokens,
                       started_at, error, metrics)
VALUES (%(run)s, %(workspace)s, %(crm)s, %(stream)s, %(mode)s,
        CASE WHEN %(start)s::timestamptz IS NULL AND %(end)s::timestamptz IS NULL THEN NULL
             ELSE tstzrange(%(start)s, %(end)s) END,
        %(status)s, %(processed)s, %(created)s, %(updated)s, %(unchanged)s, %(rejected)s,
        %(deleted)s, %(api_calls)s, %(tokens)s, %(started_at)s, %(error)s, %(metrics)s);

-- name: of_run
-- The history lines of one run, in order.
SELECT * FROM sync.runs WHERE run_id = %(run)s ORDER BY id;

-- name: latest
-- The last line of each stream.
SELECT DISTINCT ON (workspace_id, crm, stream) * FROM sync.runs
 ORDER BY workspace_id, crm, stream, id DESC;

-- name: now
-- The database's clock, by which everything is stamped.
SELECT clock_timestamp() AS now;
