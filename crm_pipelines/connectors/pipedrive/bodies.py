"""Our words as the bodies of Pipedrive's API v2.

Lists are whole lists: an empty one and ``None`` both clear. Notes are HTML and go as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from crm_pipelines.connectors.pipedrive.addresses import address
from crm_pipelines.connectors.pipedrive.api import Record
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import InvalidData

PATHS: Mapping[Entity, str] = {
    Entity.PERSON: "persons",
    Entity.ORGANIZATION: "organizations",
    Entity.DEAL: "deals",
    Entity.ACTIVITY: "activities",
}
"""Names of the collections."""

KEYS: Mapping[str, str] = {
    "email": "emails",
    "phone": "phones",
    "person_id": "participants",
    "country": "address",
}
"""Our words where Pipedrive has another key."""

SEEN_FIRST: Mapping[Entity, frozenset[str]] = {
    Entity.PERSON: frozenset({"email", "phone"}),
    Entity.ORGANIZATION: frozenset({"address", "country"}),
    Entity.ACTIVITY: frozenset({"person_id"}),
    Entity.DEAL: frozenset(),
}
"""Fields that are a part of something larger, which a change has to send whole."""

_AS_THEY_ARE: Mapping[Entity, frozenset[str]] = {
    Entity.PERSON: frozenset({"name", "org_id", "owner_id", "visible_to"}),
    Entity.ORGANIZATION: frozenset({"name", "owner_id", "visible_to"}),
    Entity.ACTIVITY: frozenset(
        {
            *("subject", "type", "due_date", "note", "done"),
            *("org_id", "deal_id", "owner_id"),
        }
    ),
    Entity.DEAL: frozenset(
        {
            *("title", "currency", "stage_id", "status"),
            *("person_id", "org_id", "owner_id", "visible_to"),
        }
    ),
}

Write = Callable[[Any, Record], Any]
"""From a value, and the record as it is, to what is sent."""


def to_body(entity: Entity, values: Mapping[str, Any], before: Record | None = None) -> Record:
    """What is sent. ``industry`` is an option's id here. Raises ``InvalidData``."""
    found = before or {}
    body: Record = {}
    for name, value in values.items():
        _require_text(name, value)
        if name in _AS_THEY_ARE[entity]:
            body[name] = value
        elif (write := _WRITES[entity].get(name)) is not None:
            body[KEYS.get(name, name)] = write(value, found)
        elif name not in ("address", "country") or entity is not Entity.ORGANIZATION:
            raise InvalidData(f"{name} of {PATHS[entity]} cannot be written", (name,))
    if entity is Entity.ORGANIZATION and {"address", "country"} & set(values):
        body["address"] = address(values, found.get("address"))
    return body


def _listed(name: str, value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list | tuple):
        raise InvalidData(f"{name} has to be a list", (name,))
    return list(value or ())


def _contacts(name: str, key: str) -> Write:
    """The first is the primary one; those that are there already keep their label."""

    def write(value: Any, before: Record) -> Any:
        labels = {one.get("value"): one.get("label") for one in before.get(key) or ()}
        return [
            {"value": one, "primary": not number, "label": labels.get(one) or "work"}
            for number, one in enumerate(_listed(name, value))
        ]

    return write


def _labels(value: Any, _: Record) -> Any:
    return _listed("label_ids", value)


def _participants(value: Any, before: Record) -> Any:
    """The primary participant is the activity's person; others stay."""
    others = [
        {"person_id": one["person_id"], "primary": False}
        for one in before.get("participants") or ()
        if not one.get("primary") and one["person_id"] != value
    ]
    return others if value is None else [{"person_id": value, "primary": True}, *others]


def _time(value: Any, _: Record) -> Any:
    return f"{value}:00" if isinstance(value, str) and value.count(":") == 1 else value


def _amount(value: Any, _: Record) -> Any:
    """A deal always has a value: none is 0."""
    if value is None:
        return 0
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        raise InvalidData(f"{value} is not an amount", ("value",))
    return value


_WRITES: Mapping[Entity, Mapping[str, Write]] = {
    Entity.PERSON: {
        "email": _contacts("email", "emails"),
        "phone": _contacts("phone", "phones"),
        "label_ids": _labels,
    },
    Entity.ORGANIZATION: {"label_ids": _labels, "industry": lambda value, _: value},
    Entity.ACTIVITY: {"person_id": _participants, "due_time": _time, "duration": _time},
    Entity.DEAL: {"value": _amount},
}


def _require_text(name: str, value: Any) -> None:
    """Half an emoji cannot be sent: it is no text in any encoding."""
    for text in value if isinstance(value, list | tuple) else (value,):
        if isinstance(text, str):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidData(f"{name} holds half a character", (name,)) from None
