"""Whether an organization is in the CRM already: told by its exact name."""

from __future__ import annotations

import hashlib

from crm_pipelines.flows.push.acquaintances import key_of
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.command import Entity
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


def organization_id(round_: Round, sink: Sink, name: str) -> int:
    """Of a person's organization that is given by name only: found or made.

    What is made carries an id that depends on the name alone, so that it is made once.
    """
    digest = hashlib.sha256(key_of(name).encode()).hexdigest()[:24]
    our_id = f"{round_.workspace}:organization:~{digest}"
    values = {"name": name}
    found = _search(sink, name)
    if found is None:
        found = sink.create(Entity.ORGANIZATION, values, our_id)
    return found.remote_id


def _search(sink: Sink, name: str) -> Found | None:
    found = sink.find_organizations(name)
    return min(found, key=lambda one: one.remote_id) if found else None
