-- name: alive
-- Rows that are not tombstones.
SELECT count(*) AS alive FROM {table}
 WHERE workspace_id = %(workspace)s AND _deleted_at IS NULL AND ({scope});

-- name: changed_rows
-- Rows that a run wrote.
SELECT * FROM {table}
 WHERE workspace_id = %(workspace)s AND _run_id = %(run)s AND ({scope})
 ORDER BY _synced_at DESC, id LIMIT %(rows)s;

-- name: verify
-- Keys must be unique and present, and the rows that carry the run's mark must be those it says
-- it wrote (a row written twice in one run is one row).
SELECT count(*) AS rows,
       count(*) - count(DISTINCT id) AS repeated_keys,
       count(*) FILTER (WHERE id IS NULL) AS missing_keys,
       count(*) FILTER (WHERE _run_id = %(run)s) AS rows_with_mark,
       (SELECT r.created + r.updated + r.deleted
               - coalesce((r.metrics ->> 'written_again')::bigint, 0)
          FROM sync.runs AS r
         WHERE r.run_id = %(run)s AND r.workspace_id = %(workspace)s AND r.crm = %(crm)s
           AND r.stream = %(stream)s AND r.status IN ('success', 'partial')
         ORDER BY r.id DESC LIMIT 1) AS rows_reported
  FROM {table}
 WHERE workspace_id = %(workspace)s AND ({scope});
