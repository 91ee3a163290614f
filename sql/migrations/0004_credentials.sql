-- What logs us in, sealed, and who did what.

-- One row for an account and kind: ``tokens`` are what a login gave, ``variables`` the fingerprint
-- of what is set in the environment. ``key_id`` says which key sealed it.
CREATE TABLE sync.credentials (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('tokens', 'variables')),
    sealed        text NOT NULL,
    key_id        text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, kind)
);

-- Append-only. ``who`` is what the program says of itself, ``role`` what PostgreSQL knows.
CREATE TABLE sync.audit_log (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    who           text NOT NULL,
    role          text NOT NULL DEFAULT session_user,
    workspace_id  text NOT NULL DEFAULT '',
    crm           text NOT NULL DEFAULT '',
    action        text NOT NULL,
    subject       text NOT NULL DEFAULT '',
    before        jsonb,
    after         jsonb,
    run_id        text NOT NULL DEFAULT '',
    details       jsonb
);
CREATE INDEX audit_by_account ON sync.audit_log (workspace_id, crm, id DESC);
CREATE INDEX audit_by_subject ON sync.audit_log (subject, id DESC) WHERE subject <> '';

-- Two walls: the owner has no right to change a line, and the trigger refuses superusers and
-- whoever gives himself the right. What is left is to disable the trigger or drop the table.
CREATE FUNCTION sync.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION 'sync.audit_log is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$refuse$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION sync.refuse_change();

-- Also while a session pretends to be a replica.
ALTER TABLE sync.audit_log ENABLE ALWAYS TRIGGER append_only;

REVOKE ALL ON sync.audit_log, sync.credentials FROM PUBLIC;

REVOKE UPDATE, DELETE, TRUNCATE ON sync.audit_log FROM CURRENT_USER;
