"""Pipedrive's records in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import methodcaller
from typing import Any

from crm_pipelines.connectors.pipedrive.addresses import country_of, text_of
from crm_pipelines.connectors.pipedrive.api import Record
from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Found

Read = Callable[[Record], Any]


def _same(*names: str) -> dict[str, Read]:
    return {name: methodcaller("get", name) for name in names}


def _contacts(key: str) -> Read:
    """The primary one first."""

    def read(record: Record) -> list[str]:
        found = [one for one in record.get(key) or () if one.get("value")]
        return [one["value"] for one in sorted(found, key=lambda one: not one.get("primary"))]

    return read


def _clock(key: str) -> Read:
    """``HH:MM:SS``, also where the seconds are left out."""

    def read(record: Record) -> str | None:
        text = record.get(key) or None
        return f"{text}:00" if text and text.count(":") == 1 else text

    return read


def _person_of(record: Record) -> Any:
    people = record.get("participants") or ()
    primary = next((one["person_id"] for one in people if one.get("primary")), None)
    return primary if primary is not None else record.get("person_id")


READS: Mapping[Entity, Mapping[str, Read]] = {
    Entity.PERSON: {
        **_same("name", "org_id", "owner_id", "visible_to"),
        "email": _contacts("emails"),
        "phone": _contacts("phones"),
        "label_ids": lambda record: list(record.get("label_ids") or ()),
    },
    Entity.ORGANIZATION: {
        **_same("name", "industry", "owner_id", "visible_to"),
        "address": lambda record: text_of(record.get("address")),
        "country": lambda record: country_of(record.get("address")),
        "label_ids": lambda record: list(record.get("label_ids") or ()),
    },
    Entity.ACTIVITY: {
        **_same("subject", "type", "org_id", "deal_id", "owner_id"),
        "due_date": lambda record: record.get("due_date") or None,
        "due_time": _clock("due_time"),
        "duration": _clock("duration"),
        "note": lambda record: record.get("note") or None,
        "person_id": _person_of,
        "done": lambda record: bool(record.get("done")),
    },
    Entity.DEAL: _same(
        *("title", "value", "currency", "stage_id", "status"),
        *("person_id", "org_id", "owner_id", "visible_to"),
    ),
}
"""``industry`` is an option's id here."""


def to_found(
    entity: Entity,
    record: Record,
    our_code: str | None,
    remarks: tuple[str, ...] = (),
    **named: Any,
) -> Found:
    """The record; ``named`` are values that only the directory can tell."""
    values = {name: read(record) for name, read in READS[entity].items()}
    ours = (record.get("custom_fields") or {}).get(our_code) if our_code else None
    return Found(
        remote_id=int(record["id"]),
        values={**values, **named},
        updated_at=moment(record.get("update_time") or record.get("add_time")),
        our_id=ours or None,
        remarks=remarks,
    )


def moment(text: Any) -> datetime | None:
    """A stamp of Pipedrive's; ``None`` if it cannot be read."""
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
