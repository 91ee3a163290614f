"""The local side's columns in the words of ``model.writable``: one row of a table for each.

Columns say what a command writes, and hear what somebody else has written in the CRM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crm_pipelines.flows.push import hearing
from crm_pipelines.flows.push.plain_text import to_html
from crm_pipelines.model.command import Entity

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Word:
    """A column and what becomes of its value. ``primary`` is the first value of a list.

    ``hear`` is the way back: a value for the column out of everything that the record says.
    """

    column: str
    say: Callable[[Any], Any] = lambda value: value
    primary: bool = False
    hear: hearing.Hear | None = None


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
    return None if text is None else to_html(str(text))


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
        "name": Word("name", hear=hearing.required("name")),
        "email": Word("email", _listed, primary=True, hear=hearing.first("email")),
        "phone": Word("phone", _listed, primary=True, hear=hearing.first("phone")),
    },
    Entity.ORGANIZATION: {
        "name": Word("name", hear=hearing.required("name")),
        "industry": Word("industry", hear=hearing.text("industry")),
        "country": Word("country", hear=hearing.text("country")),
        "address": Word("address", hear=hearing.text("address")),
    },
    Entity.ACTIVITY: {
        "subject": Word("subject", hear=hearing.required("subject")),
        "type": Word("type", hear=hearing.required("type")),
        "due_date": Word("due_at", due_date, hear=hearing.due_at),
        "due_time": Word("due_at", due_time, hear=hearing.due_at),
        "duration": Word("duration", _duration, hear=hearing.duration),
        "note": Word("note", _note, hear=hearing.note),
        "done": Word("done", hear=hearing.done),
    },
    Entity.DEAL: {
        "title": Word("title", hear=hearing.required("title")),
        "value": Word("value", _number, hear=hearing.number),
        "currency": Word("currency", hear=hearing.currency),
        "stage_id": Word("stage_id", hear=hearing.identity("stage_id")),
        "status": Word("status", hear=hearing.one_of("status", ("open", "won", "lost"))),
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
