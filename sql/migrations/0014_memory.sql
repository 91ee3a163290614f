-- What connectors learned about an account (codes of custom fields, labels, users) and need not ask
-- again for a while. Everything here can be asked for anew.

CREATE TABLE sync.memory (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    name          text NOT NULL,
    value         jsonb NOT NULL,
    kept_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, name)
);
