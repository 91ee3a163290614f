-- name: codes
-- The codes of a row's custom fields.
CASE jsonb_typeof({custom}) WHEN 'object' THEN
     ARRAY (SELECT jsonb_object_keys({custom}) AS code ORDER BY code) END

-- name: rows
-- What a mirror has of some records.
SELECT t.id::text AS id, {stamp} AS stamp, t._deleted_at IS NOT NULL AS buried, {codes} AS codes
  FROM {table} AS t
 WHERE t.workspace_id = %(workspace)s AND t.id = ANY (%(ids)s::text[]::{key_type}[]);

-- name: last_codes
-- The custom fields that the youngest record has.
SELECT {codes} AS codes FROM {table} AS t
 WHERE t.workspace_id = %(workspace)s ORDER BY t.id DESC LIMIT 1;

-- name: pointing_at
-- Live records that name some others.
SELECT t.id::text AS id, {column}::text AS named FROM {table} AS t
 WHERE t.workspace_id = %(workspace)s AND t._deleted_at IS NULL
   AND {column}::text = ANY (%(ids)s::text[]);

-- name: bury
-- Tombstones for what went at a time, unless the row is newer; or for what was not there when it
-- was asked for, unless the row was written by somebody who asked later.
UPDATE {table} AS t
   SET _deleted_at = clock_timestamp(), _synced_at = clock_timestamp(), _run_id = %(run)s,
       _digest = NULL
  FROM unnest(%(ids)s::text[]::{key_type}[], %(ats)s::timestamptz[]) AS g (id, at)
 WHERE t.workspace_id = %(workspace)s AND t.id = g.id AND t._deleted_at IS NULL
   AND CASE WHEN g.at IS NULL THEN NOT {later}
            ELSE {stamp} IS NULL OR {stamp} <= g.at END;
