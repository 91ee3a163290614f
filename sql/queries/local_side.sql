-- name: person
-- Contacts with what their person in the CRM is made from.
SELECT c.*, c.pipedrive_person_id AS remote_id,
       o.name AS organization_name, o.pipedrive_org_id AS organization_remote_id,
       u.email AS user_email, u.pipedrive_user_id AS user_remote_id
  FROM app.contacts AS c
  LEFT JOIN app.organizations AS o
    ON o.workspace_id = c.workspace_id AND o.id = c.organization_id
  LEFT JOIN app.users AS u ON u.workspace_id = c.workspace_id AND u.id = c.user_id
 WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(ids)s);

-- name: organization
-- Organizations; nobody owns one on the local side.
SELECT o.*, o.pipedrive_org_id AS remote_id, NULL::text AS user_id, NULL::text AS user_email,
       NULL::bigint AS user_remote_id
  FROM app.organizations AS o
 WHERE o.workspace_id = %(workspace)s AND o.id = ANY (%(ids)s);

-- name: deal
-- Deals with whom they are about; the organization is the contact's where the deal names none.
SELECT d.*, d.pipedrive_deal_id AS remote_id,
       c.pipedrive_person_id AS contact_remote_id, c.name AS contact_name,
       o.name AS organization_name, o.pipedrive_org_id AS organization_remote_id,
       u.email AS user_email, u.pipedrive_user_id AS user_remote_id
  FROM app.deals AS d
  LEFT JOIN app.contacts AS c ON c.workspace_id = d.workspace_id AND c.id = d.contact_id
  LEFT JOIN app.organizations AS o
    ON o.workspace_id = d.workspace_id AND o.id = coalesce(d.organization_id, c.organization_id)
  LEFT JOIN app.users AS u
    ON u.workspace_id = d.workspace_id AND u.id = d.user_id
 WHERE d.workspace_id = %(workspace)s AND d.id = ANY (%(ids)s);

-- name: activity
-- Activities with whom and what they are about.
SELECT a.*, a.pipedrive_activity_id AS remote_id,
       c.pipedrive_person_id AS contact_remote_id, c.name AS contact_name,
       c.email AS contact_email, o.pipedrive_org_id AS organization_remote_id,
       d.pipedrive_deal_id AS deal_remote_id,
       u.email AS user_email, u.pipedrive_user_id AS user_remote_id
  FROM app.activities AS a
  JOIN app.contacts AS c ON c.workspace_id = a.workspace_id AND c.id = a.contact_id
  LEFT JOIN app.organizations AS o
    ON o.workspace_id = c.workspace_id AND o.id = c.organization_id
  LEFT JOIN app.deals AS d ON d.workspace_id = a.workspace_id AND d.id = a.deal_id
  LEFT JOIN app.users AS u ON u.workspace_id = a.workspace_id AND u.id = a.user_id
 WHERE a.workspace_id = %(workspace)s AND a.id = ANY (%(ids)s);

-- name: find_by_remote
-- The row that a record of the CRM belongs to.
SELECT id FROM sync.find_local(%(entity)s, %(workspace)s, %(remote_id)s) AS id
 WHERE id IS NOT NULL;

-- name: link
-- The CRM's id into a row; whether the row is there.
SELECT sync.link(%(entity)s, %(workspace)s, %(local_id)s, %(remote_id)s, %(stamp)s) AS there;

-- name: store_user
-- Who somebody is in the CRM.
UPDATE app.users SET pipedrive_user_id = %(remote_id)s
 WHERE workspace_id = %(workspace)s AND lower(email) = lower(%(email)s)
   AND pipedrive_user_id IS DISTINCT FROM %(remote_id)s;

-- name: write_rules
-- What the triggers have to know.
INSERT INTO sync.push_rules AS r (workspace_id, warm_lead_score)
VALUES (%(workspace)s, %(score)s)
ON CONFLICT (workspace_id) DO UPDATE
   SET warm_lead_score = excluded.warm_lead_score, updated_at = clock_timestamp()
 WHERE r.warm_lead_score <> excluded.warm_lead_score;

-- name: missing
-- Commands for what the CRM should have and no command brings there.
SELECT sync.enqueue_missing(%(workspace)s) AS commands;
