-- name: look
-- Whether the CRM is asked at the moment.
SELECT * FROM sync.pass_breaker(%(workspace)s, %(crm)s, %(ticket)s, %(probe)s);

-- name: fail
-- One more failure in a row. At the threshold, and when a try fails, the CRM is left alone for a
-- while, twice as long each time. Failures of long ago count no more.
INSERT INTO sync.breakers AS b (workspace_id, crm, failures, reason, failed_at, open_until)
VALUES (%(workspace)s, %(crm)s, 1, %(reason)s, clock_timestamp(),
        CASE WHEN 1 >= %(threshold)s
             THEN clock_timestamp() + make_interval(secs => %(pause)s) END)
ON CONFLICT (workspace_id, crm) DO UPDATE
   SET failures = CASE WHEN b.failed_at < clock_timestamp() - make_interval(secs => %(memory)s)
                       THEN 1 ELSE b.failures + 1 END,
       reason = excluded.reason,
       failed_at = excluded.failed_at,
       openings = b.openings + (b.open_until IS NOT NULL AND b.probe_until IS NOT NULL)::integer,
       open_until = CASE
           WHEN b.open_until > clock_timestamp() THEN b.open_until
           WHEN b.open_until IS NOT NULL OR b.failures + 1 >= %(threshold)s
           THEN clock_timestamp() + least(
               make_interval(secs => %(longest)s),
               make_interval(secs => %(pause)s) * 2 ^ least(10, b.openings
                   + (b.open_until IS NOT NULL)::integer))
       END,
       probe = NULL,
       probe_until = NULL;

-- name: block
-- The account is shut out: nobody tries before then.
INSERT INTO sync.breakers AS b (workspace_id, crm, failures, reason, failed_at, open_until)
VALUES (%(workspace)s, %(crm)s, 1, %(reason)s, clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(pause)s))
ON CONFLICT (workspace_id, crm) DO UPDATE
   SET failures = b.failures + 1, reason = excluded.reason, failed_at = excluded.failed_at,
       open_until = excluded.open_until, probe = NULL, probe_until = NULL;

-- name: close
-- A good answer ends a row of failures; a circuit that is open is closed by the one who tried it.
DELETE FROM sync.breakers
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s
   AND (open_until IS NULL OR probe = %(ticket)s);

-- name: state
-- What is wrong with an account's CRM, if anything.
SELECT failures, reason, failed_at, open_until, open_until > clock_timestamp() AS refusing
  FROM sync.breakers WHERE workspace_id = %(workspace)s AND crm = %(crm)s;

-- name: reset
-- A person asks now, perhaps because the address was mended: failures so far do not count. An
-- account that the CRM has shut out stays alone (its pause is longer than any after failures).
DELETE FROM sync.breakers
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s
   AND (open_until IS NULL
        OR open_until <= clock_timestamp() + make_interval(secs => %(longest)s));
