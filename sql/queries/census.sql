-- name: by_day
-- Live rows by the day (UTC) of their cursor field.
SELECT (t.{stamp} AT TIME ZONE 'UTC')::date AS day, count(*) AS records
  FROM {table} AS t
 WHERE t.workspace_id = %(workspace)s AND t._deleted_at IS NULL AND ({scope})
   AND t.{stamp} IS NOT NULL
 GROUP BY 1;

-- name: listed
-- What the CRM listed.
CREATE TEMPORARY TABLE listed (id {key_type} PRIMARY KEY, stamp timestamptz) ON COMMIT DROP;

-- name: compare
-- Records that differ, with a verdict. What changed in the CRM since the next delta's start is
-- pending: that delta will bring it. What waits among the rejected ones is known. Of our rows
-- only those of the days that were listed can be ghosts; no days means that all were listed.
SELECT id::text AS id, theirs, ours,
       CASE WHEN theirs >= %(since)s THEN 'pending'
            WHEN NOT is_listed THEN 'ghost'
            WHEN is_rejected THEN 'rejected'
            WHEN NOT is_here THEN 'missing'
            ELSE 'stale' END AS verdict
  FROM (SELECT coalesce(l.id, t.id) AS id, l.stamp AS theirs, t.{stamp} AS ours,
               l.id IS NOT NULL AS is_listed, t.id IS NOT NULL AS is_here,
               EXISTS (SELECT FROM sync.rejected_records AS r
                        WHERE r.workspace_id = %(workspace)s AND r.crm = %(crm)s
                          AND r.stream = %(stream)s AND r.record_id = l.id::text) AS is_rejected
          FROM listed AS l
          FULL JOIN (SELECT * FROM {table} AS t
                      WHERE t.workspace_id = %(workspace)s AND t._deleted_at IS NULL
                        AND ({scope})) AS t ON t.id = l.id
         WHERE t.id IS NULL
            OR (l.id IS NULL AND (%(days)s::date[] IS NULL OR t.{stamp} IS NULL
                                  OR (t.{stamp} AT TIME ZONE 'UTC')::date = ANY (%(days)s)))
            OR l.stamp > t.{stamp}) AS found
 ORDER BY verdict, id;

-- name: exists
-- Whether the mirror was ever made.
SELECT to_regclass(%(table)s) IS NOT NULL AS made;

-- name: shown
-- What a full sync was shown, as texts.
CREATE TEMPORARY TABLE shown (id text) ON COMMIT DROP;

-- name: show
-- Some of it.
INSERT INTO shown SELECT unnest(%(keys)s::text[]);

-- name: unseen
-- Some of the live rows that a full sync was not shown and that nobody wrote since it began. All
-- keys are compared in the index; rows are looked up for the few that are left.
WITH left_out AS MATERIALIZED (
    SELECT t.id FROM {table} AS t
     WHERE t.workspace_id = %(workspace)s
       AND NOT EXISTS (SELECT FROM shown AS s WHERE s.id = t.id::text)
)
SELECT t.id::text AS id
  FROM left_out AS o, LATERAL (
       SELECT * FROM {table} AS t WHERE t.workspace_id = %(workspace)s AND t.id = o.id LIMIT 1) AS t
 WHERE t._deleted_at IS NULL AND ({scope}) AND t._synced_at < %(started_at)s
 ORDER BY random() LIMIT %(most)s;
