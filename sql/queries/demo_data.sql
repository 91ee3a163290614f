-- name: users
-- People who sell; those of the same address stay as they are.
INSERT INTO app.users (workspace_id, id, email, name)
SELECT %(workspace)s, r.id, r.email, r.name
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id text, email text, name text)
ON CONFLICT DO NOTHING RETURNING id;

-- name: organizations
-- Companies.
INSERT INTO app.organizations (workspace_id, id, name, industry, country, address)
SELECT %(workspace)s, r.id, r.name, r.industry, r.country, r.address
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS r (id text, name text, industry text, country text, address text)
ON CONFLICT DO NOTHING RETURNING id;

-- name: contacts
-- People at companies; their user by address, since he may have been there before.
INSERT INTO app.contacts (workspace_id, id, name, email, phone, organization_id, user_id,
                          warmness_score)
SELECT %(workspace)s, r.id, r.name, r.email, r.phone, r.organization_id, u.id, r.warmness_score
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS r (id text, name text, email text, phone text, organization_id text, user_email text,
             warmness_score integer)
  LEFT JOIN app.users AS u
    ON u.workspace_id = %(workspace)s AND lower(u.email) = lower(r.user_email)
ON CONFLICT DO NOTHING RETURNING contacts.id;

-- name: deals
-- What may be sold to them.
INSERT INTO app.deals (workspace_id, id, title, value, currency, contact_id, organization_id,
                       user_id)
SELECT %(workspace)s, r.id, r.title, r.value, r.currency, c.id, c.organization_id, c.user_id
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS r (id text, title text, value numeric, currency text, contact_id text)
  JOIN app.contacts AS c ON c.workspace_id = %(workspace)s AND c.id = r.contact_id
ON CONFLICT DO NOTHING RETURNING deals.id;

-- name: activities
-- What was done and what is planned.
INSERT INTO app.activities (workspace_id, id, contact_id, user_id, type, subject, note, due_at,
                            duration, done)
SELECT %(workspace)s, r.id, c.id, c.user_id, r.type, r.subject, r.note, r.due_at,
       make_interval(mins => r.minutes), r.done
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS r (id text, contact_id text, type text, subject text, note text, due_at timestamptz,
             minutes integer, done boolean)
  JOIN app.contacts AS c ON c.workspace_id = %(workspace)s AND c.id = r.contact_id
ON CONFLICT DO NOTHING RETURNING activities.id;
