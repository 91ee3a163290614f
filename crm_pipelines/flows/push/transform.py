"""From commands to what is to be written, in the words of ``model.writable``. Nothing is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.words import OWNER, REFERENCES, WORDS, Row
from crm_pipelines.model.command import Command, Entity, Kind, Trigger
from crm_pipelines.model.writable import OTHER_NAMES

Rows = Mapping[str, Row]
Look = Callable[[Entity, Sequence[str]], Rows]
"""Rows of the local side by id."""

NEVER_CHANGED = {
    Entity.PERSON: "the contact",
    Entity.ORGANIZATION: "the organization",
    Entity.ACTIVITY: "the activity",
    Entity.DEAL: "the deal",
}


def transform(commands: Sequence[Command], types: Mapping[str, str], look: Look) -> list[Prepared]:
    """Commands in the order they came; ``types`` are the CRM's for the local side's activities.

    Whatever is written from a local row is read now, so that it is the newest there is.
    """
    rows = _rows(commands, look)
    named = _named_before(commands, look)
    return [_prepare(command, rows[command.entity], named, types) for command in commands]


def _rows(commands: Sequence[Command], look: Look) -> dict[Entity, Rows]:
    ids: dict[Entity, list[str]] = defaultdict(list)
    for command in commands:
        if command.local_id is not None:
            ids[command.entity].append(command.local_id)
    return {entity: look(entity, ids[entity]) if ids[entity] else {} for entity in Entity}


def _named_before(commands: Sequence[Command], look: Look) -> dict[tuple[Entity, str], Row]:
    """Rows that references named before they were changed."""
    ids: dict[Entity, set[str]] = defaultdict(set)
    for command in commands:
        if _from_row(command):
            for reference in REFERENCES[command.entity].values():
                before = command.base.get(reference.column)
                if before is not None:
                    ids[reference.entity].add(str(before))
    return {
        (entity, identity): row
        for entity, some in ids.items()
        for identity, row in look(entity, sorted(some)).items()
    }


def _from_row(command: Command) -> bool:
    """Whether payloads are columns of the local side."""
    return command.trigger in (Trigger.SYNC, Trigger.RECONCILIATION)


def _prepare(
    command: Command,
    rows: Rows,
    named: Mapping[tuple[Entity, str], Row],
    types: Mapping[str, str],
) -> Prepared:
    row = rows.get(command.local_id) if command.local_id is not None else None
    if row is None and command.local_id is not None and _needs_row(command):
        gone = f"{NEVER_CHANGED[command.entity]} is not there any more on the local side"
        return Prepared(command, {}, problems={"*": gone})
    if command.kind is Kind.CREATE:
        return _create(command, row, types)
    if _from_row(command):
        assert row is not None
        return _changed_row(command, row, named, types)
    return Prepared(
        command,
        renamed(command.entity, command.payload),
        base=renamed(command.entity, command.base),
        remote_id=_remote_id(command, row),
        changed_at=command.created_at,
    )


def _needs_row(command: Command) -> bool:
    return command.kind is Kind.CREATE or _from_row(command)


def _create(command: Command, row: Row | None, types: Mapping[str, str]) -> Prepared:
    """Everything the local row says, and what the caller adds."""
    said = renamed(command.entity, command.payload)
    if row is None:
        return Prepared(command, said, changed_at=command.created_at)
    columns = {word.column for word in WORDS[command.entity].values()}
    columns |= {reference.column for reference in REFERENCES[command.entity].values()}
    values = _say(command.entity, row, columns, types)
    if not _from_row(command):
        values |= said
    owner = _owner(row, values)
    return Prepared(
        command,
        {name: value for name, value in values.items() if value not in (None, [], "")},
        remote_id=row["remote_id"],
        changed_at=row["updated_at"],
        owner=owner,
    )


def _changed_row(
    command: Command,
    row: Row,
    named: Mapping[tuple[Entity, str], Row],
    types: Mapping[str, str],
) -> Prepared:
    """Only the columns that were changed."""
    columns = set(command.payload)
    before = _say(command.entity, command.base, columns, types, whole=False)
    for name, reference in REFERENCES[command.entity].items():
        if reference.column in command.base:
            key = (reference.entity, str(command.base[reference.column]))
            before[name] = named[key]["remote_id"] if key in named else None
    values = _say(command.entity, row, columns, types)
    owner = _owner(row, values) if OWNER in columns else None
    return Prepared(
        command,
        values,
        base=before,
        remote_id=_remote_id(command, row),
        changed_at=max(command.created_at, _changed_at(row, command)),
        primary=_primary(command.entity, columns),
        owner=owner,
    )


def _say(
    entity: Entity,
    row: Row,
    columns: Iterable[str],
    types: Mapping[str, str],
    *,
    whole: bool = True,
) -> dict[str, Any]:
    """What a row says of some columns; of a part of a row references are left out."""
    wanted = set(columns) & (set(columns) if whole else set(row))
    found = {
        name: word.say(row[word.column])
        for name, word in WORDS[entity].items()
        if word.column in wanted
    }
    if "type" in found:
        found["type"] = types.get(str(found["type"]).upper(), found["type"])
    if whole:
        for name, reference in REFERENCES[entity].items():
            if reference.column in wanted:
                found[name] = row[reference.remote]
    return found


def _owner(row: Row, values: dict[str, Any]) -> str | None:
    """Whom a record is to belong to: by the id that is stored, else to be looked up by e-mail."""
    if row[OWNER] is None:
        return None
    if row["user_remote_id"] is None:
        return str(row["user_email"])
    values.setdefault("owner_id", row["user_remote_id"])
    return None


def _primary(entity: Entity, columns: set[str]) -> tuple[str, ...]:
    return tuple(
        name for name, word in WORDS[entity].items() if word.primary and word.column in columns
    )


def _remote_id(command: Command, row: Row | None) -> int | None:
    """The row's own word counts: a command may be older than the link."""
    if row is not None and row["remote_id"] is not None:
        return int(row["remote_id"])
    return command.remote_id


def _changed_at(row: Row, command: Command) -> datetime:
    found: datetime = row.get("updated_at") or command.created_at
    return found


def renamed(entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Other names that callers may use, in the words of ``model.writable``."""
    names = OTHER_NAMES.get(entity, {})
    return {names.get(name, name): value for name, value in values.items()}
