-- name: waiting
-- How many commands of some kinds have their turn (a thousand are as good as any more), and a mark
-- that changes with them.
SELECT count(*) AS commands,
       concat_ws('/', max(w.id), count(*), max(w.updated_at)) AS mark
  FROM (SELECT o.id, o.updated_at
          FROM sync.commands_in_turn AS t JOIN sync.outbox AS o ON o.id = t.id
         WHERE t.workspace_id = ANY (%(workspaces)s) AND t.crm = %(crm)s AND t.status = 'pending'
           AND (o.entity, o.kind) IN (SELECT * FROM unnest(%(entities)s::text[], %(kinds)s::text[]))
         LIMIT 1000) AS w;

-- name: failed
-- Whether any command waits for the batch job, and its time has come.
SELECT EXISTS (SELECT FROM sync.outbox
                WHERE workspace_id = ANY (%(workspaces)s) AND crm = %(crm)s AND status = 'failed'
                  AND next_attempt_at <= clock_timestamp()) AS found;
