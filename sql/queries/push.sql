-- name: ahead
-- Commands, and the open ones that have to go before them: of the same record, of the same lane,
-- and what they say they wait for. At most so many steps back.
WITH RECURSIVE ahead AS (
    SELECT o.id, o.record, o.lane, o.after_id, 0 AS steps FROM sync.outbox AS o
     WHERE o.workspace_id = %(workspace)s AND o.id = ANY (%(ids)s)
    UNION
    SELECT b.id, b.record, b.lane, b.after_id, a.steps + 1
      FROM ahead AS a
      JOIN sync.outbox AS b
        ON b.workspace_id = %(workspace)s AND b.status <> 'delivered'
       AND (b.id = a.after_id OR (b.id < a.id AND (b.record = a.record OR b.lane = a.lane)))
     WHERE a.steps < %(most)s
)
SELECT DISTINCT id FROM ahead ORDER BY id;

-- name: behind
-- Open commands that waited for these ones.
SELECT DISTINCT b.id FROM sync.outbox AS o
  JOIN sync.outbox AS b
    ON b.workspace_id = o.workspace_id AND b.status = 'pending'
   AND (b.after_id = o.id OR (b.id > o.id AND (b.record = o.record OR b.lane = o.lane)))
 WHERE o.workspace_id = %(workspace)s AND o.id = ANY (%(ids)s)
 ORDER BY b.id LIMIT %(most)s;

-- name: states
-- What commands have come to.
SELECT id, status, entity, local_id, remote_id, error, problems, attempts, next_attempt_at, crm
  FROM sync.outbox WHERE workspace_id = %(workspace)s AND id = ANY (%(ids)s);

-- name: postpone
-- Nothing of these priorities goes on before that time.
UPDATE sync.outbox SET next_attempt_at = %(until)s, updated_at = clock_timestamp()
 WHERE id IN (SELECT id FROM sync.outbox
               WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND status = 'pending'
                 AND priority >= %(priority)s AND next_attempt_at < %(until)s
                 FOR NO KEY UPDATE SKIP LOCKED);

-- name: unsend
-- The request is known not to have been applied.
UPDATE sync.outbox SET sent_at = NULL WHERE id = %(id)s AND version = %(version)s;

-- name: linked_by_email
-- Records of other contacts who have the same address.
SELECT DISTINCT pipedrive_person_id AS remote_id FROM app.contacts
 WHERE workspace_id = %(workspace)s AND lower(email) = lower(%(email)s)
   AND pipedrive_person_id IS NOT NULL AND id IS DISTINCT FROM %(local_id)s
 ORDER BY 1;

-- name: linked_by_name
-- Records of other organizations that have the same name.
SELECT DISTINCT pipedrive_org_id AS remote_id FROM app.organizations
 WHERE workspace_id = %(workspace)s AND lower(name) = lower(%(name)s)
   AND pipedrive_org_id IS NOT NULL AND id IS DISTINCT FROM %(local_id)s
 ORDER BY 1;

-- name: mirrored_persons
-- Persons of the mirror who have one of these addresses (in lower case).
SELECT p.id, lower(e.address ->> 'value') AS key
  FROM pipedrive.persons AS p, jsonb_array_elements(p.emails) AS e (address)
 WHERE p.workspace_id = %(workspace)s AND p._deleted_at IS NULL
   AND jsonb_typeof(p.emails) = 'array'
   AND lower(e.address ->> 'value') = ANY (%(keys)s);

-- name: mirrored_organizations
-- Organizations of the mirror that have one of these names (in lower case).
SELECT o.id, lower(btrim(o.name)) AS key FROM pipedrive.organizations AS o
 WHERE o.workspace_id = %(workspace)s AND o._deleted_at IS NULL
   AND lower(btrim(o.name)) = ANY (%(keys)s);

-- name: mirror_exists
-- Whether a mirror table is there at all.
SELECT to_regclass(%(table)s) IS NOT NULL AS there;

-- name: known_records
-- Records of an entity that are the outcome of other creates.
SELECT remote_id FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND entity = %(entity)s AND kind = 'create'
   AND status = 'delivered' AND remote_id IS NOT NULL AND id <> %(id)s
   AND delivered_at > %(since)s;

-- name: claimed_record
-- Whether a record is the outcome of another create; asked under a lock on the record.
SELECT id FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND entity = %(entity)s AND kind = 'create'
   AND status = 'delivered' AND remote_id = %(remote_id)s AND id <> %(id)s
 LIMIT 1;

-- name: lock_record
-- One writer of a record's outcome at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(7421010, hashtext(%(record)s));

-- name: note_conflict
-- Something for a person to decide, or what was decided by a rule; once for a command.
INSERT INTO sync.conflicts (workspace_id, crm, entity, local_id, remote_id, outbox_id, kind, ours,
                            theirs, status, resolution, resolved_by, resolved_at)
SELECT %(workspace)s, %(crm)s, %(entity)s, %(local_id)s, %(remote_id)s, %(outbox_id)s, %(kind)s,
       %(ours)s, %(theirs)s, CASE WHEN %(rule)s::text IS NULL THEN 'pending' ELSE 'resolved' END,
       %(resolution)s, %(rule)s, CASE WHEN %(rule)s::text IS NULL THEN NULL ELSE clock_timestamp() END
 WHERE NOT EXISTS (SELECT FROM sync.conflicts
                    WHERE outbox_id = %(outbox_id)s AND kind = %(kind)s AND status = 'pending');

-- name: in_turn_of
-- Commands of some kinds whose turn it is, the most urgent first.
SELECT t.id FROM sync.commands_in_turn AS t JOIN sync.outbox AS o ON o.id = t.id
 WHERE t.workspace_id = %(workspace)s AND t.crm = %(crm)s
   AND (t.status = 'pending' OR %(failed_too)s)
   AND (o.entity, o.kind) IN (SELECT * FROM unnest(%(entities)s::text[], %(kinds)s::text[]))
 ORDER BY t.priority, t.id LIMIT %(most)s;

-- name: enqueue_lead
-- Whatever a contact that is a warm lead still needs.
SELECT sync.enqueue_leads('manual', ARRAY[%(workspace)s::text], ARRAY[%(contact)s::text]) AS added;

-- name: creates_of
-- The create of a local row.
SELECT id, status FROM sync.outbox
 WHERE workspace_id = %(workspace)s AND crm = %(crm)s AND entity = %(entity)s AND kind = 'create'
   AND local_id = %(local_id)s;

-- name: add_deal
-- A deal of a contact, with whatever the contact brings along.
INSERT INTO app.deals (workspace_id, title, value, currency, stage_id, contact_id,
                       organization_id, user_id)
SELECT c.workspace_id, %(title)s, %(value)s, %(currency)s, %(stage_id)s, c.id,
       coalesce(%(organization_id)s, c.organization_id), c.user_id
  FROM app.contacts AS c WHERE c.workspace_id = %(workspace)s AND c.id = %(contact)s
RETURNING id;

-- name: log_activity
-- Something that happened, once for its id: the contact is found by e-mail address. What comes
-- later about the same event changes the row.
INSERT INTO app.activities AS a (workspace_id, id, contact_id, user_id, deal_id, type, subject,
                                 note, due_at, duration, done)
SELECT c.workspace_id, %(id)s, c.id, c.user_id, %(deal_id)s, %(type)s, %(subject)s, %(note)s,
       %(due_at)s, %(duration)s, %(done)s
  FROM app.contacts AS c
 WHERE c.workspace_id = %(workspace)s AND lower(c.email) = lower(%(email)s)
 ORDER BY c.pipedrive_person_id IS NULL, c.created_at, c.id LIMIT 1
ON CONFLICT (workspace_id, id) DO UPDATE
   SET subject = excluded.subject, note = excluded.note, due_at = excluded.due_at,
       duration = excluded.duration, done = excluded.done
 WHERE (a.subject, a.note, a.due_at, a.duration, a.done)
       IS DISTINCT FROM (excluded.subject, excluded.note, excluded.due_at, excluded.duration,
                         excluded.done)
RETURNING id;
