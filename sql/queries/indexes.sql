-- name: ours
-- The primary key of a table and those of the named indexes that can be made anew just as they
-- are. What carries settings or remarks of somebody's own is not among them.
SELECT c.relname AS name, k.conname AS key,
       coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) AS definition
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  LEFT JOIN pg_constraint AS k
    ON k.conindid = c.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = to_regclass(%(table)s)
   AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident
   AND c.reltablespace = 0 AND c.reloptions IS NULL
   AND obj_description(c.oid, 'pg_class') IS NULL
   AND obj_description(k.oid, 'pg_constraint') IS NULL
   AND (k.contype = 'p' OR (k.oid IS NULL AND c.relname = ANY (%(names)s)))
 ORDER BY k.conname IS NULL, c.relname;

-- name: is_empty
-- Whether the table's file holds nothing at all, whoever may see it, and since when ever.
SELECT pg_relation_size(to_regclass(%(table)s)) = 0 AS found;

-- name: patience
-- How long a statement waits for a lock; returns how long it did before.
SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', %(wait)s, true);
