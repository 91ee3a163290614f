-- Forgetting what is settled: what counts over all times stays as a sum, and what the sweep looks
-- for has an index, as has counting by state, which would else read every row.

-- What was counted of rows that are gone: writes of commands, and deliveries that told of one.
CREATE TABLE sync.forgotten (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    writes        bigint NOT NULL DEFAULT 0,
    echoes        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, crm)
);

CREATE INDEX inbox_settled ON sync.inbox (applied_at)
    WHERE status IN ('applied', 'stale', 'echo', 'unknown');
CREATE INDEX outbox_through ON sync.outbox (delivered_at, id)
    WHERE status = 'delivered' AND kind = 'update';
CREATE INDEX runs_by_end ON sync.runs (ended_at);
CREATE INDEX conflicts_by_command ON sync.conflicts (outbox_id);
CREATE INDEX conflicts_resolved ON sync.conflicts (resolved_at) WHERE status = 'resolved';
CREATE INDEX stage_actions_settled ON sync.stage_actions (settled_at)
    WHERE status IN ('done', 'skipped');

CREATE INDEX inbox_states ON sync.inbox (workspace_id, crm, status);
CREATE INDEX outbox_states ON sync.outbox (workspace_id, status);

-- Events that were said to happen long after we were told made all later ones stale.
UPDATE sync.inbox SET event_at = received_at
 WHERE event_at > received_at + interval '5 minutes';

-- How many writes commands have made, and of how many of them a webhook has told since; ever.
CREATE OR REPLACE VIEW sync.echo_balance AS
SELECT c.workspace_id, c.crm, sum(c.writes)::bigint AS writes, sum(c.echoes)::bigint AS echoes
  FROM (SELECT o.workspace_id, o.crm, count(*) AS writes, 0 AS echoes FROM sync.outbox AS o
         WHERE o.status = 'delivered' AND o.fingerprint -> 'values' <> '{}' GROUP BY 1, 2
        UNION ALL
        SELECT i.workspace_id, i.crm, 0, count(*) FROM sync.inbox AS i
         WHERE i.status = 'echo' GROUP BY 1, 2
        UNION ALL
        SELECT f.workspace_id, f.crm, f.writes, f.echoes FROM sync.forgotten AS f) AS c
 GROUP BY 1, 2
HAVING sum(c.writes) > 0;
