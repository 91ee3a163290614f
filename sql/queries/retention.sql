-- Forgetting what is settled, a batch for each statement. Rows that somebody has in his hands are
-- passed over: nobody waits for the sweep, and it waits for nobody.

-- name: horizon
-- What was settled before that moment is old.
SELECT clock_timestamp() - make_interval(secs => %(seconds)s) AS before;

-- name: conflicts
-- Conflicts that are decided.
WITH gone AS (
    DELETE FROM sync.conflicts WHERE id IN (
        SELECT id FROM sync.conflicts
         WHERE status = 'resolved' AND resolved_at < %(before)s
         ORDER BY resolved_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;

-- name: actions
-- What stages have set off and what is done. Whose turn it is to be given a deal is counted from
-- all that were ever given.
WITH gone AS (
    DELETE FROM sync.stage_actions WHERE id IN (
        SELECT id FROM sync.stage_actions
         WHERE status IN ('done', 'skipped') AND settled_at < %(before)s
           AND NOT (status = 'done' AND action = 'assign_owner')
         ORDER BY settled_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;

-- name: last_deliveries
-- The newest delivery of each kind. Kinds are few and deliveries many: the index is entered once
-- for each kind.
WITH RECURSIVE kinds AS (
    (SELECT workspace_id, crm, object, action FROM sync.inbox
      WHERE object IS NOT NULL AND action IS NOT NULL
      ORDER BY workspace_id, crm, object, action LIMIT 1)
    UNION ALL
    SELECT n.* FROM kinds AS k CROSS JOIN LATERAL (
           SELECT i.workspace_id, i.crm, i.object, i.action FROM sync.inbox AS i
            WHERE i.object IS NOT NULL AND i.action IS NOT NULL
              AND (i.workspace_id, i.crm, i.object, i.action)
                  > (k.workspace_id, k.crm, k.object, k.action)
            ORDER BY i.workspace_id, i.crm, i.object, i.action LIMIT 1) AS n
)
SELECT l.id FROM kinds AS k CROSS JOIN LATERAL (
       SELECT i.id FROM sync.inbox AS i
        WHERE i.workspace_id = k.workspace_id AND i.crm = k.crm AND i.object = k.object
          AND i.action = k.action
        ORDER BY i.received_at DESC LIMIT 1) AS l;

-- name: deliveries
-- Settled deliveries. The newest of each kind stays: by it the silence of a webhook is told.
WITH chosen AS MATERIALIZED (
    SELECT i.id FROM sync.inbox AS i
     WHERE i.status IN ('applied', 'stale', 'echo', 'unknown') AND i.applied_at < %(before)s
       AND i.id <> ALL (%(kept)s::bigint[])
     ORDER BY i.applied_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM sync.inbox AS i USING chosen AS c WHERE i.id = c.id
    RETURNING i.workspace_id, i.crm, i.status
), counted AS (
    INSERT INTO sync.forgotten AS f (workspace_id, crm, echoes)
    SELECT workspace_id, crm, count(*) FROM gone WHERE status = 'echo' GROUP BY 1, 2
        ON CONFLICT (workspace_id, crm) DO UPDATE SET echoes = f.echoes + excluded.echoes
)
SELECT count(*) AS gone FROM gone;

-- name: commands
-- Delivered changes, from a place on; where to go on. Of each record the last one stays, and all
-- of them while one waits or is dead; so does what a conflict is about.
WITH looked AS MATERIALIZED (
    SELECT o.* FROM sync.outbox AS o
     WHERE o.status = 'delivered' AND o.kind = 'update' AND o.delivered_at < %(before)s
       AND (o.delivered_at, o.id) > (%(after_at)s::timestamptz, %(after)s::bigint)
     ORDER BY o.delivered_at, o.id LIMIT %(most)s
), chosen AS MATERIALIZED (
    SELECT o.id FROM sync.outbox AS o JOIN looked AS l ON l.id = o.id
     WHERE EXISTS (SELECT FROM sync.outbox AS n
                    WHERE n.workspace_id = l.workspace_id AND n.crm = l.crm
                      AND n.record = l.record AND n.status = 'delivered'
                      AND (n.delivered_at, n.id) > (l.delivered_at, l.id))
       AND NOT EXISTS (SELECT FROM sync.outbox AS b
                        WHERE b.workspace_id = l.workspace_id AND b.crm = l.crm
                          AND b.record = l.record AND b.status <> 'delivered')
       AND NOT EXISTS (SELECT FROM sync.conflicts AS c WHERE c.outbox_id = l.id)
       FOR UPDATE OF o SKIP LOCKED
), gone AS (
    DELETE FROM sync.outbox AS o USING chosen AS c WHERE o.id = c.id
    RETURNING o.workspace_id, o.crm, o.fingerprint
), counted AS (
    INSERT INTO sync.forgotten AS f (workspace_id, crm, writes)
    SELECT workspace_id, crm, count(*) FROM gone WHERE fingerprint -> 'values' <> '{}' GROUP BY 1, 2
        ON CONFLICT (workspace_id, crm) DO UPDATE SET writes = f.writes + excluded.writes
)
SELECT (SELECT count(*) FROM gone) AS gone, l.delivered_at AS after_at, l.id AS after
  FROM looked AS l ORDER BY l.delivered_at DESC, l.id DESC LIMIT 1;

-- name: last_runs
-- Of each stream, mode and outcome the last line that wrote something, and the last that did not.
SELECT max(id) AS id FROM sync.runs
 GROUP BY workspace_id, crm, stream, mode, status, created + updated > 0;

-- name: runs
-- Lines of sync history, but no run that began while a fetch was under way that goes on still: it
-- may have written rows later than that one read them.
WITH gone AS (
    DELETE FROM sync.runs WHERE id IN (
        SELECT id FROM sync.runs
         WHERE ended_at < %(before)s AND id <> ALL (%(kept)s::bigint[])
           AND started_at < coalesce((SELECT min(started_at) FROM sync.checkpoints), 'infinity')
         ORDER BY ended_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;
