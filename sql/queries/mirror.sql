-- name: create_table
-- A mirror table: its key, the CRM's own columns, our bookkeeping.
CREATE TABLE {table} (
    workspace_id  text NOT NULL,
    id            {key_type} NOT NULL,
    {definitions},
    _synced_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    _run_id       text NOT NULL,
    _deleted_at   timestamptz,
    _digest       bigint,
    PRIMARY KEY (workspace_id, id)
);

-- name: columns
-- The columns a table has, in order.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnum AS number
  FROM pg_attribute AS a
 WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;

-- name: add_digest
-- For tables from before there were digests.
ALTER TABLE {table} ADD COLUMN _digest bigint;

-- name: watch_digests
-- A change by hand takes the digest away; a merge names a run, and a digest of its own.
CREATE TRIGGER _forget_digest BEFORE UPDATE ON {table} FOR EACH ROW
  WHEN (old._digest = new._digest AND old._run_id = new._run_id)
  EXECUTE FUNCTION sync.forget_digest();

-- name: lock
-- One merge at a time for a table of a workspace: the statement below is not safe against a
-- concurrent insert of the same key.
SELECT pg_advisory_xact_lock(7421003, hashtext(%(name)s));

-- name: news
-- Of a chunk's records those that must be looked at: the row is missing, or it is not known to hold
-- just this record. A record that came several times is looked at with every copy.
WITH arrived AS MATERIALIZED (
    SELECT * FROM unnest(%(keys)s::text[]::{key_type}[], %(digests)s::bigint[])
                  WITH ORDINALITY AS a (id, _digest, _position)
)
SELECT _position - 1 AS position FROM arrived
 WHERE id IN (
       SELECT a.id FROM arrived AS a
         LEFT JOIN LATERAL (
              SELECT t._digest FROM {table} AS t
               WHERE t.workspace_id = %(workspace)s AND t.id = a.id LIMIT 1) AS t ON true
        WHERE t._digest IS DISTINCT FROM a._digest)
 ORDER BY _position;

-- name: create_staged
-- Records on their way into the mirror.
CREATE TEMPORARY TABLE IF NOT EXISTS staged ON COMMIT DROP AS
SELECT {columns}, _digest, 0::bigint AS _position FROM {table} WITH NO DATA;

-- name: is_fresh
-- Whether a workspace has no row in the table, and no rejected record of the stream to forget.
SELECT NOT EXISTS (SELECT FROM {table} WHERE workspace_id = %(workspace)s)
   AND NOT EXISTS (SELECT FROM sync.rejected_records
                    WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s)
       AS fresh;

-- name: moment
-- Now, as COPY reads it.
SELECT clock_timestamp()::text AS moment;

-- name: take_stock
-- Without this the planner takes the table for a small one until autovacuum has come by.
ANALYZE {table} (workspace_id, id);

-- name: staged_twice
-- Whether a record was staged more than once.
SELECT EXISTS (SELECT FROM staged GROUP BY id HAVING count(*) > 1) AS twice;

-- name: keep_latest
-- Of several copies of a record the newest counts; of equally new ones the one that came last.
DELETE FROM staged
 WHERE _position NOT IN (
       SELECT DISTINCT ON (id) _position FROM staged ORDER BY id, {order}, _position DESC);

-- name: create_seen
-- The keys of everything a full sync saw.
CREATE TEMPORARY TABLE IF NOT EXISTS seen (id {key_type}) ON COMMIT DROP;

-- name: note_seen
-- Remembers keys, also those of records that were rejected: the CRM showed them.
INSERT INTO seen SELECT id FROM unnest(%(keys)s::text[]::{key_type}[]) AS id;

-- name: written_later
-- Whether a row was last written by a run, of any stream of the table, whose fetch began after
-- ours.
EXISTS (SELECT FROM sync.runs AS r
         WHERE r.run_id = t._run_id AND r.workspace_id = %(workspace)s AND r.crm = %(crm)s
           AND r.stream = ANY(%(streams)s) AND r.status IN ('success', 'partial')
           AND r.started_at > %(started_at)s);

-- name: newer
-- Whether a copy is at least as new as the row. Of two copies with the same stamp (they may count
-- in seconds) the one of the later fetch counts, as it does against a tombstone that was set
-- because a full sync saw nothing: no stamp tells when the record went.
({new} > {old} OR ({old} IS NULL AND {new} IS NOT NULL)
 OR ({new} IS NOT DISTINCT FROM {old} AND NOT {later}))
AND (t._deleted_at IS NULL OR {marked} OR NOT {later});

-- name: keyed
-- An object with a member for every custom field; members it lacks keep their last value.
CASE WHEN {new} IS NOT DISTINCT FROM {old} THEN {old} ELSE coalesce({old} || {new}, {new}, {old}) END

-- name: merge
-- The guarded upsert: one statement that writes only what changed, never goes back in time, and
-- counts. An unchanged row is only read. All parts see the table as it was before the statement.
-- A record that the CRM says is deleted becomes a tombstone if we have it and is passed over if we
-- never had it. LATERAL with LIMIT makes the planner look rows up by key: it knows next to nothing
-- of either table and would else read the whole mirror for every few chunks.
WITH known AS MATERIALIZED (
    SELECT l.*, t.id IS NOT NULL AS _known, t._deleted_at AS _buried_at, {gone} AS _gone,
           t._run_id IS NOT DISTINCT FROM %(run)s AS _again
      FROM staged AS l
      LEFT JOIN LATERAL (
           SELECT * FROM {table} AS t
            WHERE t.workspace_id = %(workspace)s AND t.id = l.id LIMIT 1) AS t ON true
     WHERE CASE WHEN t.id IS NULL THEN NOT {gone} ELSE ({differs}) AND ({newer}) END
), updated AS (
    UPDATE {table} AS t
       SET {assignments},
           _digest = l._digest,
           _deleted_at = CASE WHEN l._gone THEN coalesce(l._buried_at, clock_timestamp()) END,
           _synced_at = clock_timestamp(),
           _run_id = %(run)s
      FROM known AS l
     WHERE l._known AND t.workspace_id = %(workspace)s AND t.id = l.id
    RETURNING l._gone AND l._buried_at IS NULL AS buried, l._again AS again
), created AS (
    INSERT INTO {table} (workspace_id, {columns}, _digest, _run_id)
    SELECT %(workspace)s, {columns}, _digest, %(run)s FROM known WHERE NOT _known
    RETURNING 1
)
SELECT (SELECT count(*) FROM created) AS created,
       (SELECT count(*) FROM updated WHERE NOT buried) AS updated,
       (SELECT count(*) FROM updated WHERE buried) AS deleted,
       (SELECT count(*) FROM updated WHERE again) AS again;

-- name: adopt
-- Rows that hold what was staged, but have no digest of it, get one. That happens once after a
-- field has come or gone, after a change by hand, and to rows from before there were digests. A
-- digest that was made for the same columns (its first byte tells) is left alone by deltas, and
-- replaced by full syncs, which profit from it: a CRM may spell a record otherwise in other lists.
UPDATE {table} AS t SET _digest = f._digest
  FROM (SELECT f.* FROM staged AS l
         CROSS JOIN LATERAL (
               SELECT t.ctid AS _place, l._digest FROM {table} AS t
                WHERE t.workspace_id = %(workspace)s AND t.id = l.id AND NOT ({differs})
                  AND t._digest IS DISTINCT FROM l._digest
                  AND (%(sweeping)s OR t._digest IS NULL
                       OR t._digest >> 56 <> l._digest >> 56) LIMIT 1) AS f) AS f
 WHERE t.ctid = f._place;

-- name: preview
-- What the merge would do, without doing it.
WITH known AS (
    SELECT t.id IS NOT NULL AS _known, t._deleted_at AS _buried_at, {gone} AS _gone
      FROM staged AS l
      LEFT JOIN LATERAL (
           SELECT * FROM {table} AS t
            WHERE t.workspace_id = %(workspace)s AND t.id = l.id LIMIT 1) AS t ON true
     WHERE CASE WHEN t.id IS NULL THEN NOT {gone} ELSE ({differs}) AND ({newer}) END
)
SELECT count(*) FILTER (WHERE NOT _known) AS created,
       count(*) FILTER (WHERE _known AND NOT (_gone AND _buried_at IS NULL)) AS updated,
       count(*) FILTER (WHERE _known AND _gone AND _buried_at IS NULL) AS deleted
  FROM known;

-- name: bury_missing
-- Tombstones for what a full sync no longer saw. Rows that another run wrote since this fetch
-- began are left alone: the fetch may have been too early to see them.
UPDATE {table} AS t
   SET _deleted_at = clock_timestamp(), _synced_at = clock_timestamp(), _run_id = %(run)s,
       _digest = NULL
 WHERE t.workspace_id = %(workspace)s AND t._deleted_at IS NULL AND ({scope})
   AND t._synced_at < %(started_at)s
   AND NOT EXISTS (SELECT FROM seen WHERE seen.id = t.id);

-- name: count_missing
-- How many tombstones the statement above would set. All keys are compared in the index; rows are
-- looked up for the few that are left.
WITH left_out AS MATERIALIZED (
    SELECT t.id FROM {table} AS t
     WHERE t.workspace_id = %(workspace)s AND NOT EXISTS (SELECT FROM seen WHERE seen.id = t.id)
)
SELECT count(*) AS missing
  FROM left_out AS o, LATERAL (
       SELECT * FROM {table} AS t WHERE t.workspace_id = %(workspace)s AND t.id = o.id LIMIT 1) AS t
 WHERE t._deleted_at IS NULL AND ({scope}) AND t._synced_at < %(started_at)s;
