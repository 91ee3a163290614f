-- What it takes to run a rejected record again without asking the CRM.

ALTER TABLE sync.rejected_records
    ADD COLUMN fetched_at timestamptz,
    ADD COLUMN is_json boolean NOT NULL DEFAULT true;
UPDATE sync.rejected_records
   SET fetched_at = rejected_at - interval '1 day', is_json = crm <> 'salesforce';
ALTER TABLE sync.rejected_records ALTER COLUMN fetched_at SET NOT NULL;

-- The fields of a stream as the last sync knew them.
CREATE TABLE sync.stream_fields (
    workspace_id  text NOT NULL,
    crm           text NOT NULL,
    stream        text NOT NULL,
    fields        jsonb NOT NULL,
    known_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, crm, stream)
);
