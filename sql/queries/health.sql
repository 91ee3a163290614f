-- name: applied
-- Migrations that were applied; the library's own table, which is made by the first of them.
SELECT migration_id AS name FROM _yoyo_migration;

-- name: streams
-- The last run and the last good run of each stream asked for; nulls before the first.
SELECT asked.workspace_id AS workspace, asked.crm, asked.stream,
       last.status, last.ended_at, last.error,
       extract(epoch FROM clock_timestamp() - last.ended_at)::float8 AS age_seconds,
       good.ended_at AS succeeded_at,
       extract(epoch FROM good.ended_at - good.started_at)::float8 AS seconds,
       good.processed, good.created, good.updated, good.unchanged, good.rejected, good.deleted,
       good.api_calls, good.tokens
  FROM unnest(%(workspaces)s::text[], %(crms)s::text[], %(streams)s::text[])
       AS asked (workspace_id, crm, stream)
  LEFT JOIN LATERAL (
       SELECT r.* FROM sync.runs AS r
        WHERE (r.workspace_id, r.crm, r.stream) = (asked.workspace_id, asked.crm, asked.stream)
          AND r.mode NOT IN ('retry', 'events')
        ORDER BY r.id DESC LIMIT 1) AS last ON true
  LEFT JOIN LATERAL (
       SELECT r.* FROM sync.runs AS r
        WHERE (r.workspace_id, r.crm, r.stream) = (asked.workspace_id, asked.crm, asked.stream)
          AND r.status IN ('success', 'partial') AND r.mode NOT IN ('retry', 'events')
        ORDER BY r.id DESC LIMIT 1) AS good ON true
 ORDER BY 1, 2, 3;

-- name: budget
-- What an account has spent today (UTC), the limit the CRM told of, and until when it refuses.
SELECT coalesce(max(b.spent) FILTER (WHERE b.day = today.day), 0)::bigint AS spent,
       max(b.observed_limit) FILTER (WHERE b.day = today.day) AS observed_limit,
       max(b.exhausted_until) FILTER (WHERE b.exhausted_until > clock_timestamp())
           AS exhausted_until
  FROM sync.budgets AS b, (SELECT (now() AT TIME ZONE 'UTC')::date AS day) AS today
 WHERE b.workspace_id = %(workspace)s AND b.crm = %(crm)s;

-- name: usage
-- Everything ever spent, by stream.
SELECT workspace_id AS workspace, crm, stream, sum(tokens)::bigint AS tokens,
       sum(calls)::bigint AS calls
  FROM sync.token_usage GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: rejected
-- Records that wait in sync.rejected_records, by stream.
SELECT workspace_id AS workspace, crm, stream, count(*) AS records
  FROM sync.rejected_records GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: speeds
-- Records a second of the last good runs of each stream that were large enough to tell.
SELECT r.stream, sum(r.processed) / sum(extract(epoch FROM r.ended_at - r.started_at))::float8
       AS records_per_second
  FROM (SELECT r.*, row_number() OVER (PARTITION BY r.stream ORDER BY r.id DESC) AS place
          FROM sync.runs AS r
         WHERE r.workspace_id = %(workspace)s AND r.crm = %(crm)s
           AND r.status IN ('success', 'partial') AND r.mode NOT IN ('retry', 'events') AND r.processed >= 100
           AND r.ended_at > r.started_at) AS r
 WHERE r.place <= 10
 GROUP BY r.stream;

-- name: webhooks
-- Every registration that is not retired, of every workspace.
SELECT w.workspace_id AS workspace, w.crm, w.object, w.status, w.remark, w.gap_since,
       w.registered_at, w.checked_at,
       (SELECT max(l.received_at)
          FROM (VALUES ('create'), ('change'), ('delete')) AS a (action),
       LATERAL (SELECT i.received_at FROM sync.inbox AS i
                 WHERE i.workspace_id = w.workspace_id AND i.crm = w.crm
                   AND i.object = w.object AND i.action = a.action
                 ORDER BY i.received_at DESC LIMIT 1) AS l) AS last_delivery_at
  FROM sync.webhooks AS w
 WHERE w.status <> 'retired' ORDER BY w.workspace_id, w.crm, w.object, w.id;

-- name: inbox
-- Accounts with deliveries that wait or were given up: how many, since when the oldest one waits,
-- and for how long its turn has been there, in seconds.
SELECT d.workspace_id AS workspace, d.crm,
       count(*) FILTER (WHERE d.waits) AS waiting, count(*) FILTER (WHERE NOT d.waits) AS dead,
       coalesce(max(extract(epoch FROM clock_timestamp() - d.received_at))
                FILTER (WHERE d.waits), 0)::float8 AS oldest_waiting_seconds,
       greatest(max(extract(epoch FROM clock_timestamp() - d.next_attempt_at))
                FILTER (WHERE d.waits), 0)::float8 AS overdue_seconds
  FROM (SELECT workspace_id, crm, received_at, next_attempt_at, true AS waits FROM sync.inbox
         WHERE status = 'waiting'
        UNION ALL
        SELECT workspace_id, crm, received_at, next_attempt_at, false FROM sync.inbox
         WHERE status = 'dead') AS d
 GROUP BY 1, 2 ORDER BY 1, 2;

-- name: deliveries
-- How many there are in each state.
SELECT workspace_id AS workspace, crm, status, count(*) AS deliveries
  FROM sync.inbox GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: echoes
-- Our writes, and the deliveries that told of one.
SELECT workspace_id AS workspace, crm, writes, echoes FROM sync.echo_balance ORDER BY 1, 2;
