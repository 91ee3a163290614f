-- name: recall
-- The fields and members that the last sync of a stream knew.
SELECT fields, keys FROM sync.stream_fields
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s;

-- name: remember
-- What they are now.
INSERT INTO sync.stream_fields AS f (workspace_id, crm, stream, fields, keys)
VALUES (%(workspace)s, %(crm)s, %(stream)s, %(fields)s, %(keys)s)
ON CONFLICT (workspace_id, crm, stream) DO UPDATE
   SET fields = excluded.fields, keys = excluded.keys, known_since = clock_timestamp()
 WHERE (f.fields, f.keys) IS DISTINCT FROM (excluded.fields, excluded.keys);
