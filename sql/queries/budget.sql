-- name: spend
-- Pays for one call and takes its turn, in one atomic statement. No row: the budget is spent.
-- ``wait`` is in seconds. The turn is a reservation: the next free place in the rolling window,
-- so callers wait in the order they came and nobody polls.
WITH paid AS (
    INSERT INTO sync.budgets AS b (workspace_id, crm, day, spent)
    SELECT %(workspace)s, %(crm)s, (now() AT TIME ZONE 'UTC')::date, %(cost)s
     WHERE %(cost)s <= %(daily)s * %(share)s::numeric
       AND NOT EXISTS (
           SELECT FROM sync.budgets AS e
            WHERE e.workspace_id = %(workspace)s AND e.crm = %(crm)s
              AND e.exhausted_until > clock_timestamp())
    ON CONFLICT (workspace_id, crm, day) DO UPDATE
       SET spent = b.spent + excluded.spent, updated_at = clock_timestamp()
     WHERE b.spent + excluded.spent <= coalesce(b.observed_limit, %(daily)s) * %(share)s::numeric
    RETURNING b.spent
), noted AS (
    INSERT INTO sync.token_usage AS u (workspace_id, crm, stream, day, tokens, calls)
    SELECT %(workspace)s, %(crm)s, %(stream)s, (now() AT TIME ZONE 'UTC')::date, %(cost)s, 1
      FROM paid
    ON CONFLICT (workspace_id, crm, stream, day) DO UPDATE
       SET tokens = u.tokens + excluded.tokens, calls = u.calls + 1
), turn AS (
    INSERT INTO sync.bursts AS t (workspace_id, crm, kind, slots)
    SELECT %(workspace)s, %(crm)s, %(kind)s, ARRAY[clock_timestamp()] FROM paid
    ON CONFLICT (workspace_id, crm, kind) DO UPDATE
       SET slots = (
           SELECT (t.slots || next.slot)[greatest(1, cardinality(t.slots) + 2 - %(requests)s):]
             FROM (SELECT greatest(
                       clock_timestamp(),
                       t.slots[cardinality(t.slots)],
                       CASE WHEN cardinality(t.slots) >= %(requests)s
                            THEN t.slots[cardinality(t.slots) - %(requests)s + 1]
                                 + make_interval(secs => %(seconds)s)
                       END) AS slot) AS next)
    RETURNING t.slots[cardinality(t.slots)] AS slot
)
SELECT paid.spent, greatest(0, extract(epoch FROM turn.slot - clock_timestamp()))::float8 AS wait
  FROM paid, turn;

-- name: learn
-- Corrects the ledger by what an answer's headers say; others may spend from the same account.
-- The larger figure wins: answers of concurrent calls arrive out of order.
UPDATE sync.budgets
   SET observed_limit = coalesce(%(daily)s::bigint, observed_limit),
       spent = greatest(spent, coalesce(%(daily)s::bigint, observed_limit, %(configured)s)
                               - %(remaining)s::bigint),
       updated_at = clock_timestamp()
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND day = (now() AT TIME ZONE 'UTC')::date
   AND (observed_limit IS DISTINCT FROM coalesce(%(daily)s::bigint, observed_limit)
        OR spent < coalesce(%(daily)s::bigint, observed_limit, %(configured)s)
                   - %(remaining)s::bigint);

-- name: exhaust
-- The CRM says the day is spent: nothing more is sent before then.
INSERT INTO sync.budgets AS b (workspace_id, crm, day, spent, exhausted_until)
VALUES (%(workspace)s, %(crm)s, (now() AT TIME ZONE 'UTC')::date, 0, %(until)s)
ON CONFLICT (workspace_id, crm, day) DO UPDATE SET exhausted_until = excluded.exhausted_until;

-- name: resumes_at
-- When the budget is there again: what the CRM said, else the next midnight UTC.
SELECT coalesce(
    (SELECT exhausted_until FROM sync.budgets
      WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND exhausted_until > clock_timestamp()
      ORDER BY day DESC LIMIT 1),
    date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day') AS at;

-- name: spent_today
-- What the ledger knows of the day.
SELECT spent, observed_limit, exhausted_until FROM sync.budgets
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND day = (now() AT TIME ZONE 'UTC')::date;
