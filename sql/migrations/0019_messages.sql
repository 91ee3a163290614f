-- Messages between us and a contact, reported by the programs that send and receive them.

CREATE TABLE app.messages (
    workspace_id  text NOT NULL DEFAULT 'default',
    id            text NOT NULL DEFAULT gen_random_uuid()::text,
    contact_id    text NOT NULL,
    deal_id       text,
    direction     text NOT NULL CHECK (direction IN ('sent', 'received')),
    channel       text NOT NULL CHECK (btrim(channel) <> ''),
    subject       text,
    body          text,
    sent_at       timestamptz NOT NULL CHECK (isfinite(sent_at)),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES app.contacts (workspace_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, deal_id) REFERENCES app.deals (workspace_id, id)
        ON DELETE SET NULL (deal_id)
);
CREATE INDEX messages_by_contact ON app.messages (workspace_id, contact_id, sent_at);
CREATE INDEX messages_by_deal ON app.messages (workspace_id, deal_id) WHERE deal_id IS NOT NULL;

-- Mirrors from before now are asked for the records of a person, too; later ones are made with it.
DO $$
BEGIN
    IF to_regclass('pipedrive.activities') IS NOT NULL THEN
        CREATE INDEX IF NOT EXISTS activities_person_id ON pipedrive.activities (person_id);
    END IF;
    IF to_regclass('pipedrive.deals') IS NOT NULL THEN
        CREATE INDEX IF NOT EXISTS deals_person_id ON pipedrive.deals (person_id);
    END IF;
END $$;
