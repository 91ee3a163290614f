-- name: now
-- The clock that days are counted by, unless somebody sets another one.
SELECT clock_timestamp() AS now;

-- name: spend
-- Pays for one call and takes its turn, in one atomic statement.
-- verdict: go; wait (look again in `wait` seconds); spent or open (until then).
SELECT * FROM sync.spend(
    %(workspace)s, %(crm)s, %(stream)s, %(ticket)s, %(priority)s, %(rank)s, %(patience)s,
    %(cost)s, %(daily)s, %(share)s::float8::numeric, %(kept)s::float8[]::numeric[], %(rolling)s, %(zone)s,
    coalesce(%(now)s::timestamptz, clock_timestamp()), %(kinds)s::text[], %(requests)s::integer[],
    %(seconds)s::float8[], %(headroom)s, %(grace)s, %(probe)s);

-- name: refund
-- Takes back what was paid for a call that never left; the turn is gone all the same.
WITH back AS (
    UPDATE sync.budgets
       SET spent = greatest(0, spent - %(cost)s),
           by_priority[%(rank)s] = greatest(0, by_priority[%(rank)s] - %(cost)s)
     WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND day = %(day)s)
UPDATE sync.token_usage SET tokens = greatest(0, tokens - %(cost)s), calls = greatest(0, calls - 1)
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND stream = %(stream)s AND day = %(day)s
   AND priority = %(priority)s;

-- name: learn
-- Corrects the ledger by what an answer's headers say. A late call moves its turn in all of its
-- windows: rows are locked in the order in which calls are paid, or two callers wait for each other.
WITH today AS MATERIALIZED (
    SELECT b.day FROM sync.budgets AS b
     WHERE b.workspace_id = %(workspace)s AND b.crm = %(crm)s AND b.day = %(day)s
       AND %(late)s > 0.02
       FOR UPDATE
),
windows AS MATERIALIZED (
    SELECT b.kind FROM sync.bursts AS b
     WHERE b.workspace_id = %(workspace)s AND b.crm = %(crm)s
       AND %(late)s > 0.02 AND (SELECT count(*) FROM today) >= 0
     ORDER BY b.kind
       FOR UPDATE
)
SELECT sync.learn(
    %(workspace)s, %(crm)s, %(day)s, coalesce(%(now)s::timestamptz, clock_timestamp()), %(configured)s,
    %(daily)s, %(remaining)s, %(slack)s, %(rolling)s, %(kind)s, %(requests)s, %(seconds)s,
    %(burst)s, %(burst_left)s, %(slot)s, %(late)s)
  FROM (SELECT count(*) FROM windows) AS held;

-- name: exhaust
-- The CRM says the day is spent: nothing more is sent for so many seconds, else until midnight.
INSERT INTO sync.budgets AS b (workspace_id, crm, day, spent, exhausted_until)
SELECT %(workspace)s, %(crm)s, (clock.now AT TIME ZONE %(zone)s)::date, 0,
       CASE WHEN %(wait)s::float8 IS NOT NULL
            THEN clock.now + make_interval(secs => %(wait)s)
            WHEN %(rolling)s THEN clock.now + interval '1 hour'
            ELSE ((clock.now AT TIME ZONE %(zone)s)::date + 1)::timestamp AT TIME ZONE %(zone)s
       END
  FROM (SELECT coalesce(%(now)s::timestamptz, clock_timestamp()) AS now) AS clock
ON CONFLICT (workspace_id, crm, day) DO UPDATE
   SET exhausted_until = greatest(b.exhausted_until, excluded.exhausted_until)
RETURNING exhausted_until;

-- name: leave
-- Gives up waiting.
DELETE FROM sync.turns
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND ticket = %(ticket)s;

-- name: day
-- An account's day: what the ledger knows of it, and how much of the day is gone.
SELECT clock.day,
       (clock.day + 1)::timestamp AT TIME ZONE %(zone)s AS midnight,
       clock.now,
       extract(epoch FROM clock.now - clock.day::timestamp AT TIME ZONE %(zone)s)::float8 AS gone,
       coalesce(b.spent, 0) AS spent, b.observed_limit,
       CASE WHEN b.day = clock.day THEN b.by_priority END AS by_priority,
       (SELECT max(e.exhausted_until) FROM sync.budgets AS e
         WHERE e.workspace_id = %(workspace)s AND e.crm = %(crm)s
           AND e.exhausted_until > clock.now) AS refused_until
  FROM (SELECT c.now, (c.now AT TIME ZONE %(zone)s)::date AS day
          FROM (SELECT coalesce(%(now)s::timestamptz, clock_timestamp()) AS now) AS c) AS clock
  LEFT JOIN LATERAL (
       SELECT * FROM sync.budgets AS d
        WHERE d.workspace_id = %(workspace)s AND d.crm = %(crm)s
          AND (d.day = clock.day
               OR (%(rolling)s AND d.updated_at > clock.now - interval '24 hours'))
        ORDER BY d.day DESC LIMIT 1) AS b ON true;

-- name: usage
-- What was spent on which stream with which priority on a day, the most first.
SELECT stream, priority, tokens, calls FROM sync.token_usage
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND day = %(day)s
 ORDER BY tokens DESC, stream, priority;
