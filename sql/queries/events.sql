-- name: announce
-- One notice for everybody who listens.
SELECT pg_notify(%(channel)s, %(text)s);

-- name: listen
-- From now on notices come to this connection.
LISTEN crm_events;
