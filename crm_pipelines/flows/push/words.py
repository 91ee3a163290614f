"""The local side's columns in the words of ``model.writable``: one row of a table for each."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crm_pipelines.model.command import Entity

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Word:
    """A column and what becomes of its value. ``primary`` is the first value of a list."""

    column: str
    say: Callable[[Any], Any] = lambda value: value
    primary: bool = False


@dataclass(frozen=True)
class Reference:
    """A column that names another local row; its record's id in the CRM is what is written.

    ``remote`` is the column of the joined row that holds it.
    """

    column: str
    entity: Entity
    remote: str


def _listed(value: Any) -> list[str]:
    return [str(value).strip()] if value is not None and str(value).strip() else []


def _number(value: Any) -> int | float | None:
    if value is None:
        return None
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else float(number)


def _note(text: Any) -> str | None:
    """Notes are HTML in the CRM and plain text here."""
    return None if text is None else html.escape(str(text), quote=False).replace("\n", "<br>")


def _moment(value: Any) -> datetime | None:
    """Of a column or of its text in a payload."""
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def due_date(value: Any) -> str | None:
    """The day in UTC."""
    found = _moment(value)
    return None if found is None else found.date().isoformat()


def due_time(value: Any) -> str | None:
    """The time of day in UTC, to the second."""
    found = _moment(value)
    return None if found is None else found.strftime("%H:%M:%S")


def _duration(value: Any) -> str | None:
    """``HH:MM:SS``; a payload holds PostgreSQL's own words for an interval."""
    if value is None or isinstance(value, str):
        return value
    assert isinstance(value, timedelta)
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


WORDS: Mapping[Entity, Mapping[str, Word]] = {
    Entity.PERSON: {
        "name": Word("name"),
        "email": Word("email", _listed, primary=True),
        "phone": Word("phone", _listed, primary=True),
    },
    Entity.ORGANIZATION: {
        "name": Word("name"),
        "industry": Word("industry"),
        "country": Word("country"),
        "address": Word("address"),
    },
    Entity.ACTIVITY: {
        "subject": Word("subject"),
        "type": Word("type"),
        "due_date": Word("due_at", due_date),
        "due_time": Word("due_at", due_time),
        "duration": Word("duration", _duration),
        "note": Word("note", _note),
        "done": Word("done"),
    },
    Entity.DEAL: {
        "title": Word("title"),
        "value": Word("value", _number),
        "currency": Word("currency"),
        "stage_id": Word("stage_id"),
        "status": Word("status"),
    },
}

REFERENCES: Mapping[Entity, Mapping[str, Reference]] = {
    Entity.PERSON: {
        "org_id": Reference("organization_id", Entity.ORGANIZATION, "organization_remote_id"),
    },
    Entity.ORGANIZATION: {},
    Entity.ACTIVITY: {
        "person_id": Reference("contact_id", Entity.PERSON, "contact_remote_id"),
        "deal_id": Reference("deal_id", Entity.DEAL, "deal_remote_id"),
    },
    Entity.DEAL: {
        "person_id": Reference("contact_id", Entity.PERSON, "contact_remote_id"),
        "org_id": Reference("organization_id", Entity.ORGANIZATION, "organization_remote_id"),
    },
}

OWNER = "user_id"
"""The column that names the user who is to own the record."""
