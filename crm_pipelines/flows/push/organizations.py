"""Whether an organization is in the CRM already: told by its exact name."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from crm_pipelines.flows.push.acquaintances import key_of
from crm_pipelines.flows.push.earlier import REMEMBERED, find_earlier
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.flows.push.sinks import Opened
from crm_pipelines.model.command import Command, Entity
from crm_pipelines.model.sink import Found, Sink


def find_organization(round_: Round, sink: Sink, one: Prepared) -> Found | None:
    """The oldest one of this name: as other rows are linked, else in the CRM."""
    name = str(one.values["name"])
    rows = round_.database.run(
        "push.linked_by_name",
        {"workspace": round_.workspace, "name": name, "local_id": one.command.local_id},
    )
    known = round_.known.get(Entity.ORGANIZATION)
    ids = [row["remote_id"] for row in rows]
    for identity in (*ids, *sorted(known.get(key_of(name), ()) if known else ())):
        found = sink.read(Entity.ORGANIZATION, identity)
        if found is not None and key_of(str(found.values.get("name"))) == key_of(name):
            return found
    return None if known is not None else _search(sink, name)


def organization_id(round_: Round, opened: Opened, command: Command, name: str) -> int:
    """Of a person's organization that is given by name only: found or made.

    One caller at a time looks for a name; what he finds or sends is noted for the next one, since
    a search does not find at once what was made. It carries an id that depends on the name alone.
    """
    digest = hashlib.sha256(key_of(name).encode()).hexdigest()[:24]
    our_id, note = f"{round_.workspace}:organization:~{digest}", f"organization {digest}"
    entity, sink, memory, values = Entity.ORGANIZATION, opened.sink, round_.memory, {"name": name}

    def note_sending() -> None:
        memory.keep(note, {"sent_at": datetime.now(UTC).isoformat()})

    with memory.alone(note):
        noted = memory.recall(note, REMEMBERED) or {}
        found = sink.read(entity, noted["id"]) if "id" in noted else None
        found = found or _search(sink, name)
        if found is None and "sent_at" in noted:
            sent_at = datetime.fromisoformat(noted["sent_at"])
            found = find_earlier(round_, sink, command, entity, our_id, values, sent_at)
        if found is None:
            with opened.announcing(note_sending):
                found = sink.create(entity, values, our_id)
        memory.keep(note, {"id": found.remote_id})
    return found.remote_id


def _search(sink: Sink, name: str) -> Found | None:
    found = sink.find_organizations(name)
    return min(found, key=lambda one: one.remote_id) if found else None
