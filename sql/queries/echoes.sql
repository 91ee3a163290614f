-- name: candidates
-- For each event of an API, the commands whose write it may tell of: delivered ones that wrote
-- something into this record and that no other delivery was an echo of (a write whose answer was
-- lost is sent again some seconds later); and those under way that may have written by the time it
-- came.
SELECT e.delivery, o.id, o.kind, o.status, o.fingerprint
  FROM unnest(%(deliveries)s::bigint[], %(entities)s::text[], %(remote_ids)s::bigint[],
              %(stamps)s::timestamptz[], %(created)s::boolean[])
       AS e (delivery, entity, remote_id, stamp, created)
  JOIN sync.outbox AS o
    ON o.workspace_id = %(workspace)s AND o.crm = %(crm)s AND o.entity = e.entity
   AND o.remote_id = e.remote_id AND o.status = 'delivered' AND o.fingerprint -> 'values' <> '{}'
   AND CASE WHEN e.created
            THEN coalesce(o.fingerprint ->> 'action', o.kind) = 'create'
            ELSE (o.fingerprint ->> 'update_time')::timestamptz
                 BETWEEN e.stamp AND e.stamp + interval '15 seconds' END
 WHERE NOT EXISTS (SELECT FROM sync.inbox AS t
                    WHERE t.outbox_id = o.id AND t.id <> e.delivery)
UNION ALL
SELECT e.delivery, o.id, o.kind, o.status, NULL
  FROM unnest(%(deliveries)s::bigint[], %(entities)s::text[], %(remote_ids)s::bigint[])
       AS e (delivery, entity, remote_id)
  JOIN sync.inbox AS i ON i.id = e.delivery
  JOIN sync.outbox AS o
    ON o.workspace_id = %(workspace)s AND o.crm = %(crm)s AND o.entity = e.entity
   AND (o.remote_id = e.remote_id OR (o.kind = 'create' AND o.remote_id IS NULL))
   AND (o.status = 'sending'
        OR (o.status = 'pending' AND o.sent_at > clock_timestamp() - interval '1 minute'))
   AND coalesce(o.sent_at, o.updated_at) <= i.received_at + interval '2 seconds'
 ORDER BY delivery, id;

-- name: balance
-- Writes of ours in a workspace, and deliveries that told of one.
SELECT crm, writes, echoes FROM sync.echo_balance WHERE workspace_id = %(workspace)s ORDER BY crm;
