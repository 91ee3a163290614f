-- The local side that sells. Ids are texts: a UUID unless the program that inserts has its own.
-- The columns named after Pipedrive say where a row is there, and how its own way there stands.

CREATE SCHEMA IF NOT EXISTS app;

CREATE TABLE app.users (
    workspace_id       text NOT NULL DEFAULT 'default',
    id                 text NOT NULL DEFAULT gen_random_uuid()::text,
    email              text NOT NULL CHECK (position('@' IN email) > 1),
    name               text,
    pipedrive_user_id  bigint CHECK (pipedrive_user_id > 0),
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX users_by_email ON app.users (workspace_id, lower(email));

CREATE TABLE app.organizations (
    workspace_id           text NOT NULL DEFAULT 'default',
    id                     text NOT NULL DEFAULT gen_random_uuid()::text,
    name                   text NOT NULL CHECK (btrim(name) <> ''),
    industry               text,
    country                text,
    address                text,
    pipedrive_org_id       bigint CHECK (pipedrive_org_id > 0),
    last_pipedrive_update  timestamptz,
    update_sync_status     varchar(20) NOT NULL DEFAULT 'SYNCED'
                           CHECK (update_sync_status IN ('SYNCED', 'PENDING', 'FAILED')),
    created_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX organizations_by_name ON app.organizations (workspace_id, lower(name));
CREATE INDEX organizations_by_remote ON app.organizations (workspace_id, pipedrive_org_id);

CREATE TABLE app.contacts (
    workspace_id           text NOT NULL DEFAULT 'default',
    id                     text NOT NULL DEFAULT gen_random_uuid()::text,
    name                   text NOT NULL CHECK (btrim(name) <> ''),
    email                  text,
    phone                  text,
    organization_id        text,
    user_id                text,
    warmness_score         integer NOT NULL DEFAULT 0,
    pipedrive_person_id    bigint CHECK (pipedrive_person_id > 0),
    pipedrive_org_id       bigint CHECK (pipedrive_org_id > 0),
    last_pipedrive_update  timestamptz,
    update_sync_status     varchar(20) NOT NULL DEFAULT 'SYNCED'
                           CHECK (update_sync_status IN ('SYNCED', 'PENDING', 'FAILED')),
    created_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, organization_id) REFERENCES app.organizations (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES app.users (workspace_id, id)
);
CREATE INDEX contacts_by_email ON app.contacts (workspace_id, lower(email));
CREATE INDEX contacts_by_organization ON app.contacts (workspace_id, organization_id);
CREATE INDEX contacts_by_remote ON app.contacts (workspace_id, pipedrive_person_id);

CREATE TABLE app.deals (
    workspace_id           text NOT NULL DEFAULT 'default',
    id                     text NOT NULL DEFAULT gen_random_uuid()::text,
    title                  text NOT NULL CHECK (btrim(title) <> ''),
    value                  numeric,
    currency               varchar(3),
    status                 text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'won', 'lost')),
    stage_id               bigint,
    contact_id             text,
    organization_id        text,
    user_id                text,
    pipedrive_deal_id      bigint CHECK (pipedrive_deal_id > 0),
    last_pipedrive_update  timestamptz,
    update_sync_status     varchar(20) NOT NULL DEFAULT 'SYNCED'
                           CHECK (update_sync_status IN ('SYNCED', 'PENDING', 'FAILED')),
    created_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES app.contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, organization_id) REFERENCES app.organizations (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES app.users (workspace_id, id)
);
CREATE INDEX deals_by_contact ON app.deals (workspace_id, contact_id);
CREATE INDEX deals_by_remote ON app.deals (workspace_id, pipedrive_deal_id);

CREATE TABLE app.activities (
    workspace_id                 text NOT NULL DEFAULT 'default',
    id                           text NOT NULL DEFAULT gen_random_uuid()::text,
    contact_id                   text NOT NULL,
    user_id                      text,
    deal_id                      text,
    type                         text NOT NULL,
    subject                      text NOT NULL CHECK (btrim(subject) <> ''),
    note                         text,
    due_at                       timestamptz,
    duration                     interval CHECK (duration >= interval '0'),
    done                         boolean NOT NULL DEFAULT false,
    pipedrive_activity_id        bigint CHECK (pipedrive_activity_id > 0),
    replicated_to_pipedrive      boolean NOT NULL DEFAULT false,
    pipedrive_sync_attempts      integer NOT NULL DEFAULT 0,
    last_pipedrive_sync_attempt  timestamptz,
    last_pipedrive_update        timestamptz,
    update_sync_status           varchar(20) NOT NULL DEFAULT 'SYNCED'
                                 CHECK (update_sync_status IN ('SYNCED', 'PENDING', 'FAILED')),
    created_at                   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at                   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, contact_id) REFERENCES app.contacts (workspace_id, id),
    FOREIGN KEY (workspace_id, user_id) REFERENCES app.users (workspace_id, id),
    FOREIGN KEY (workspace_id, deal_id) REFERENCES app.deals (workspace_id, id)
);
CREATE INDEX activities_by_contact ON app.activities (workspace_id, contact_id);
CREATE INDEX activities_by_remote ON app.activities (workspace_id, pipedrive_activity_id);
