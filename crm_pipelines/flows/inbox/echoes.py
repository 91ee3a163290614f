"""Which events tell of our own writes.

An echo shows in the record's own second what a command left behind when it was delivered, and says
of a field that the command wrote that it has changed; each command has one. Somebody else's change
of the same second says something else, or of another field, and is nobody's echo. Should they be
alike in everything it does not matter which is which: rows follow the state of the record, whoever
made it, so that what is taken for an echo is never lost. Only counters, and what stages set off,
go by what is said here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.push.comparison import same
from crm_pipelines.model.command import Entity, Kind, Status
from crm_pipelines.model.event import Action
from crm_pipelines.model.writable import FIELDS
from crm_pipelines.store import echoes as store
from crm_pipelines.store.database import Database

OURS = "api"
"""The source of changes that no person made in the CRM's own pages."""

EARLY = None
"""In place of a command: a write that may have made the event is under way."""

LABELS = "label_ids"

Candidate = Mapping[str, Any]


def recognise(
    database: Database, workspace: str, crm: str, events: Sequence[Sighted]
) -> Mapping[int, int | None]:
    """By delivery, the command whose write it tells of; ``EARLY`` where that cannot be said yet,
    because what we write is not noted before the CRM has answered. Others are no echoes."""
    ours = [one for one in events if one.event.source == OURS and one.found is not None]
    by_delivery: dict[int, list[Candidate]] = defaultdict(list)
    for row in store.candidates(database, workspace, crm, [_told(one) for one in ours]):
        by_delivery[row["delivery"]].append(row)
    found: dict[int, int | None] = {}
    taken: set[int] = set()
    for one in sorted(ours, key=lambda each: (each.event.at, each.event.delivery)):
        match = _match(one, by_delivery[one.event.delivery], taken)
        if match is not None:
            found[one.event.delivery] = match
            taken.add(match)
        elif any(_may_be(one, row) for row in by_delivery[one.event.delivery]):
            found[one.event.delivery] = EARLY
    return found


def _match(one: Sighted, rows: Sequence[Candidate], taken: set[int]) -> int | None:
    """The first command that fits and has no echo yet."""
    for row in rows:
        through = row["status"] == Status.DELIVERED and row["id"] not in taken
        if through and _fits(one, row["fingerprint"]):
            return int(row["id"])
    return None


def _may_be(one: Sighted, row: Candidate) -> bool:
    """Whether a command under way may have made it. A create that finds its record there already
    adds a label."""
    if row["status"] == Status.DELIVERED:
        return False
    created = one.event.action is Action.CREATE
    if row["kind"] == Kind.CREATE:
        return created or set(one.before) == {LABELS}
    return not created


def _fits(one: Sighted, fingerprint: Mapping[str, Any]) -> bool:
    if one.event.action is Action.CREATE:
        return True  # a record is created once
    assert one.found is not None
    written = fingerprint["values"]
    shown = {name: v for name, v in one.found.values.items() if name in written}
    if not all(_same(one.entity, name, value, written[name]) for name, value in shown.items()):
        return False
    return not one.before or not shown or any(name in one.before for name in written)


def _same(entity: Entity, name: str, one: Any, other: Any) -> bool:
    return same(entity, name, one, other) if name in FIELDS[entity] else bool(one == other)


def _told(one: Sighted) -> store.Told:
    event, found = one.event, one.found
    return store.Told(
        event.delivery,
        one.entity,
        one.remote_id,
        found.updated_at if found else None,
        event.action is Action.CREATE,
    )
