-- Who may call the gateway. A key is shown once; only its hash is kept. ``used`` counts the calls
-- of the minute that began at ``minute_at``.
CREATE TABLE sync.api_keys (
    id            text PRIMARY KEY,
    workspace_id  text NOT NULL,
    name          text NOT NULL,
    hash          bytea NOT NULL UNIQUE,
    scopes        text[] NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at  timestamptz,
    minute_at     timestamptz NOT NULL DEFAULT '-infinity',
    used          integer NOT NULL DEFAULT 0,
    revoked_at    timestamptz
);
REVOKE ALL ON sync.api_keys FROM PUBLIC;
