-- name: reject
-- Keeps a record that did not pass; a later rejection of the same record replaces it. One without
-- a key is known by a hash of itself. The same rejection again is written only where a retry asks
-- for it (again), to tell it from records that passed.
INSERT INTO sync.rejected_records AS r
       (workspace_id, crm, stream, record_id, raw, reasons, run_id, fetched_at, is_json)
VALUES (%(workspace)s, %(crm)s, %(stream)s,
        coalesce(%(record_id)s, 'sha256:' || left(
            encode(sha256(convert_to(%(raw)s::jsonb::text, 'UTF8')), 'hex'), 32)),
        %(raw)s, %(reasons)s, %(run)s, %(fetched_at)s, %(is_json)s)
ON CONFLICT (workspace_id, crm, stream, record_id) DO UPDATE
   SET raw = excluded.raw, reasons = excluded.reasons, run_id = excluded.run_id,
       fetched_at = excluded.fetched_at, is_json = excluded.is_json,
       rejected_at = clock_timestamp()
 WHERE (r.raw, r.reasons) IS DISTINCT FROM (excluded.raw, excluded.reasons) OR %(again)s;

-- name: has_any
-- Whether any record of the stream is a rejected one.
SELECT EXISTS (SELECT FROM sync.rejected_records
                WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s)
       AS found;

-- name: forget_passed
-- Records that pass now are no longer rejected ones.
DELETE FROM sync.rejected_records AS r
 WHERE r.workspace_id = %(workspace)s AND r.crm = %(crm)s AND r.stream = %(stream)s
   AND r.record_id = ANY (%(keys)s::text[]);

-- name: forget_unseen
-- A full sync did not see them any more: the CRM has no such records.
DELETE FROM sync.rejected_records AS r
 WHERE r.workspace_id = %(workspace)s AND r.crm = %(crm)s AND r.stream = %(stream)s
   AND r.rejected_at < %(started_at)s
   AND NOT EXISTS (SELECT FROM seen WHERE seen.id::text = r.record_id);

-- name: forget_keyless
-- Records that were run again by that run, had no key then and were not rejected once more.
DELETE FROM sync.rejected_records
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s
   AND record_id LIKE 'sha256:%%' AND record_id = ANY(%(ids)s) AND run_id <> %(run)s;

-- name: list
-- The rejected records of a stream, the last ones first.
SELECT record_id, reasons, raw::text AS raw, run_id, rejected_at, fetched_at
  FROM sync.rejected_records
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s
 ORDER BY rejected_at DESC, record_id LIMIT %(limit)s;

-- name: count
-- How many there are.
SELECT count(*) AS records FROM sync.rejected_records
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s;

-- name: page
-- Those that were fetched together, in pieces; the raw record as text keeps every digit.
SELECT record_id, fetched_at, is_json,
       CASE jsonb_typeof(raw) WHEN 'string' THEN raw #>> '{}' ELSE raw::text END AS raw
  FROM sync.rejected_records
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s
   AND (fetched_at, is_json, record_id) > (%(fetched_at)s, %(is_json)s, %(record_id)s)
 ORDER BY fetched_at, is_json, record_id LIMIT %(limit)s;
