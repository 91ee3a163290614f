"""Changing a record: only what differs from it as it is now, and what nobody else has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_pipelines.flows.push.comparison import same
from crm_pipelines.flows.push.conflicts import Change, compare
from crm_pipelines.flows.push.organizations import organization_id
from crm_pipelines.flows.push.outcome import Outcome, Undecided
from crm_pipelines.flows.push.owner import owner_of
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.flows.push.sinks import Opened
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import GoneError
from crm_pipelines.model.sink import Found

GONE = "is not there any more"


def update(round_: Round, opened: Opened, one: Prepared) -> Outcome:
    """The record with our changes. Raises ``Undecided`` and the errors of ``model.errors``."""
    sink, entity, remote_id = opened.sink, one.command.entity, one.remote_id
    assert remote_id is not None
    values, strategy = _values(round_, opened, one), round_.rules.conflicts
    there = round_.seen_lately(entity, remote_id)
    change = None if there is None else compare(one, values, there, strategy)
    if there is None or change is None or change.ours or not change.values:
        # what was seen a while ago tells what to write, but not how the record is now
        there = sink.read(entity, remote_id)
        if there is None:
            raise GoneError(_gone(one))
        change = compare(one, values, there, strategy)
    if change.undecided:
        raise Undecided("both_changed", _words(change), change.ours, change.theirs)
    if not change.values:
        return Outcome(there, _written_before(one, values, there), change=change)
    before = {name: there.values.get(name) for name in change.values}
    try:
        with opened.announcing(lambda: round_.stamp(one.command)):
            found = sink.update(entity, remote_id, change.values)
    except GoneError as error:  # deleted a moment ago
        raise GoneError(_gone(one)) from error
    return Outcome(found, change.values, before, change=change)


def _written_before(one: Prepared, values: Mapping[str, Any], there: Found) -> dict[str, Any]:
    """What an attempt wrote whose answer never came: it is there."""
    if one.command.sent_at is None:
        return {}
    entity, found = one.command.entity, there.values
    return {n: found[n] for n, v in values.items() if n in found and same(entity, n, found[n], v)}


def _gone(one: Prepared) -> str:
    return f"the {one.command.entity} {one.remote_id} {GONE} in the CRM"


def _values(round_: Round, opened: Opened, one: Prepared) -> dict[str, Any]:
    values, sink = dict(one.values), opened.sink
    owner = owner_of(round_, sink, one)
    if owner is not None:
        values["owner_id"] = owner
    if one.command.entity is Entity.PERSON and "org_name" in values:
        values["org_id"] = organization_id(round_, opened, one.command, values.pop("org_name"))
    return values


def _words(change: Change) -> str:
    return f"changed on both sides: {', '.join(sorted(change.ours))}; decide which value is right"
