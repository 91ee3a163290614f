"""What a record says that its local row does not know: a merge of three.

The third is what the record said when the two were last compared. Only what it says differently
since then has been changed by somebody over there, and only that is news. So a value that the CRM
never had, and one that it has no place for, is never wiped out by its silence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crm_pipelines.flows.push.comparison import same
from crm_pipelines.flows.push.hearing import Refused
from crm_pipelines.flows.push.words import OWNER, REFERENCES, WORDS, Row
from crm_pipelines.model.command import Entity

Record = Mapping[str, Any]
"""A record in the words of ``model.writable``."""

OWNER_ID = "owner_id"
AMOUNT = "value"


@dataclass(frozen=True)
class Known:
    """Rows of the local side by the ids of their records, and its users by theirs."""

    rows: Mapping[Entity, Mapping[int, str]] = field(default_factory=dict)
    users: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class News:
    """``changes`` are new values of columns, JSON-ready; ``said`` is what the record said now, for
    the next time; ``refused`` are fields whose value a column cannot hold, and why."""

    changes: Mapping[str, Any]
    said: Mapping[str, Any]
    refused: Mapping[str, str]


def compare(
    entity: Entity,
    row: Row,
    record: Record,
    before: Record,
    ours: Collection[str],
    known: Known,
    types: Mapping[str, str],
) -> News:
    """What is new to a row. Fields in ``ours`` are not looked at: a command of ours is about them.

    ``before`` is what the record said the last time, ``types`` the CRM's activity types by local
    ones. References to what the local side does not have are left alone.
    """
    said = {name: value for name, value in before.items() if name in _NAMES[entity]}
    news, refused = dict[str, Any](), dict[str, str]()
    for name in _NAMES[entity]:
        if name not in record or name in ours:
            continue
        said[name] = storable(record[name])
        if _equal(entity, name, before.get(name), record[name]):
            continue
        if _equal(entity, name, _say(entity, name, row, types), record[name]):
            continue
        try:
            heard = dict(_hear(entity, name, row, record, known, types))
        except Refused as why:
            refused[name] = str(why)
        else:
            news |= {c: value for c, value in heard.items() if _plain(row[c]) != _plain(value)}
    return News(news, said, refused)


def names_of(entity: Entity, columns: Collection[str]) -> frozenset[str]:
    """The fields that columns are about."""
    said = {name for name, word in WORDS[entity].items() if word.column in columns}
    said |= {name for name, one in REFERENCES[entity].items() if one.column in columns}
    return frozenset(said | ({OWNER_ID} if OWNER in columns else set()))


def _names(entity: Entity) -> tuple[str, ...]:
    owner = () if entity is Entity.ORGANIZATION else (OWNER_ID,)
    return (*WORDS[entity], *REFERENCES[entity], *owner)


_NAMES: Mapping[Entity, tuple[str, ...]] = {entity: _names(entity) for entity in Entity}


def _equal(entity: Entity, name: str, one: Any, other: Any) -> bool:
    """Of a list that we know the first value of, that one counts; no amount is none at all."""
    word = WORDS[entity].get(name)
    if word is not None and word.primary:
        one, other = list(one or ())[:1], list(other or ())[:1]
    if name == AMOUNT:
        one, other = one or None, other or None
    return same(entity, name, one, other)


def _say(entity: Entity, name: str, row: Row, types: Mapping[str, str]) -> Any:
    """What a command would write of this field."""
    if name == OWNER_ID:
        return row["user_remote_id"]
    if name in REFERENCES[entity]:
        return row[REFERENCES[entity][name].remote]
    word = WORDS[entity][name]
    value = word.say(row[word.column])
    return types.get(str(value).upper(), value) if name == "type" else value


def _hear(
    entity: Entity,
    name: str,
    row: Row,
    record: Record,
    known: Known,
    types: Mapping[str, str],
) -> Iterator[tuple[str, Any]]:
    """New values of columns. Raises ``Refused``."""
    theirs = record[name]
    if name == OWNER_ID:
        if theirs in known.users:
            yield OWNER, known.users[theirs]
    elif name in REFERENCES[entity]:
        reference = REFERENCES[entity][name]
        if entity is Entity.PERSON:
            yield "pipedrive_org_id", theirs
        if theirs is None:
            yield reference.column, None
        elif theirs in known.rows.get(reference.entity, {}):
            yield reference.column, known.rows[reference.entity][theirs]
    else:
        word = WORDS[entity][name]
        assert word.hear is not None
        heard = word.hear(record)
        yield word.column, _local_type(heard, types) if name == "type" else heard


def _local_type(theirs: str, types: Mapping[str, str]) -> str:
    """One of ours that stands for it; theirs as it is, where none does."""
    found = next((ours for ours, remote in types.items() if remote == theirs), None)
    if found is None and types.get(theirs.upper(), theirs) != theirs:
        raise Refused(f"type {theirs!r} means another type here: change CRM_ACTIVITY_TYPES")
    return found or theirs


def _plain(value: Any) -> Any:
    """Values of columns and those that are written into them, alike."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return str(value) if isinstance(value, Decimal) else value


def storable(value: Any) -> Any:
    """Without what PostgreSQL's JSON cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return value
