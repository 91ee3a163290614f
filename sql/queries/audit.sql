-- name: append
-- One more line; there is no statement that changes one.
INSERT INTO sync.audit_log (who, workspace_id, crm, action, subject, before, after, run_id, details)
VALUES (%(who)s, %(workspace)s, %(crm)s, %(action)s, %(subject)s, %(before)s, %(after)s, %(run)s,
        %(details)s);

-- name: latest
-- The last lines, newest first; an empty filter matches everything.
SELECT id, at, who, role, workspace_id AS workspace, crm, action, subject, before, after,
       run_id AS run, details
  FROM sync.audit_log
 WHERE (%(workspace)s = '' OR workspace_id = %(workspace)s)
   AND (%(crm)s = '' OR crm = %(crm)s)
   AND (%(action)s = '' OR action = %(action)s OR starts_with(action, %(action)s || '.'))
   AND (%(subject)s = '' OR subject = %(subject)s)
   AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
 ORDER BY id DESC LIMIT %(most)s;
