"""Making a record that is not there yet, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm_pipelines.flows.push.earlier import find_earlier
from crm_pipelines.flows.push.organizations import find_organization, organization_id
from crm_pipelines.flows.push.outcome import Outcome
from crm_pipelines.flows.push.owner import owner_of
from crm_pipelines.flows.push.persons import find_person
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.flows.push.sinks import Opened
from crm_pipelines.flows.push.warm_lead import label_of, link
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import NotApplied
from crm_pipelines.model.sink import Found, Sink

Find = Callable[[Round, Sink, Prepared], Found | None]
EXISTING: Mapping[Entity, Find] = {
    Entity.PERSON: find_person,
    Entity.ORGANIZATION: find_organization,
}
"""How a record that somebody else made is told; entities without a row are always made."""


def create(round_: Round, opened: Opened, one: Prepared) -> Outcome:
    """The record of a local row: made, linked, or found because it was made before.

    Raises ``Undecided``, ``TooEarly`` and the errors of ``model.errors``.
    """
    sink, command = opened.sink, one.command
    if one.remote_id is not None:
        there = sink.read(command.entity, one.remote_id)
        if there is not None:
            return Outcome(there, {}, linked=True)
    values = _values(round_, opened, one)
    made = find_earlier(
        round_, sink, command, command.entity, command.our_id, values, command.sent_at
    )
    if made is not None:
        return Outcome(made, values)
    find = EXISTING.get(command.entity)
    existing = find(round_, sink, one) if find else None
    if existing is not None:
        return link(round_, opened, one, existing)
    try:
        with opened.announcing(lambda: round_.stamp(command)):
            return Outcome(sink.create(command.entity, values, command.our_id), values)
    except NotApplied:
        _forget(round_, one)
        raise


def _values(round_: Round, opened: Opened, one: Prepared) -> dict[str, Any]:
    """With what is known by the CRM's ids only."""
    values, sink = dict(one.values), opened.sink
    owner = owner_of(round_, sink, one)
    if owner is not None:
        values.setdefault("owner_id", owner)
    if one.command.entity is Entity.PERSON:
        name = values.pop("org_name", None)
        if name is not None:
            values["org_id"] = organization_id(round_, opened, one.command, name)
        label = label_of(round_, sink, one)
        if label is not None:
            values["label_ids"] = sorted({*values.get("label_ids", ()), label})
    return values


def _forget(round_: Round, one: Prepared) -> None:
    """This attempt was turned away; only an earlier one can have been applied."""
    if one.command.sent_at is None:
        round_.database.run("push.unsend", {"id": one.command.id, "version": one.command.version})
