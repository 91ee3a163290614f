"""Which events tell of our own writes.

An echo shows what a command left behind when it was delivered, in the record's own second, and says
of a field that the command wrote that it has changed; each command has one. Somebody else's change
of the same second says something else, or of another field, and is nobody's echo. Should they be
alike in everything it does not matter which is which: rows follow the state of the record, whoever
made it, so that what is taken for an echo is never lost. Only counters, and what stages set off,
go by what is said here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
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
    for fits in (_says_so, _fits):
        for one in sorted(ours, key=lambda each: (each.event.at, each.event.delivery)):
            if one.event.delivery not in found:
                rows = [row for row in by_delivery[one.event.delivery] if _is_through(row)]
                taken = set(found.values())
                free = [row for row in rows if row["id"] not in taken and fits(one, row)]
                if free:
                    found[one.event.delivery] = min(free, key=partial(_distance, one))["id"]
    for one in ours:
        if any(_may_be(one, row) for row in by_delivery[one.event.delivery]):
            found.setdefault(one.event.delivery, EARLY)
    return found


def _is_through(row: Candidate) -> bool:
    return bool(row["status"] == Status.DELIVERED)


def _distance(one: Sighted, row: Candidate) -> tuple[timedelta, int]:
    """The nearest in time, then the first."""
    assert one.found is not None
    told, noted = one.found.updated_at, row["fingerprint"].get("update_time")
    apart = datetime.fromisoformat(noted) - told if noted and told else timedelta(0)
    return apart, row["id"]


def _may_be(one: Sighted, row: Candidate) -> bool:
    """Whether a command under way may have made it. A create that finds its record there already
    adds a label."""
    if _is_through(row):
        return False
    created = one.event.action is Action.CREATE
    if row["kind"] == Kind.CREATE:
        return created or set(one.before) == {LABELS}
    return not created


def _says_so(one: Sighted, row: Candidate) -> bool:
    """And the event says that the write has changed something."""
    created = one.event.action is Action.CREATE
    changed = any(name in one.before for name in row["fingerprint"]["values"])
    return _fits(one, row) and (created or changed)


def _fits(one: Sighted, row: Candidate) -> bool:
    """Whether the record says what was written, and nothing speaks against it."""
    if one.event.action is Action.CREATE:
        return True  # a record is created once
    assert one.found is not None
    written = row["fingerprint"]["values"]
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
