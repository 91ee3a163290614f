"""What columns of the local side take over from a record in the CRM.

Everything that can be said of a column can be heard again; what a column cannot hold is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from crm_pipelines.flows.push.plain_text import to_plain

Record = Mapping[str, Any]
"""A record in the words of ``model.writable``."""

Hear = Callable[[Record], Any]
"""A column's value, JSON-ready, for what a record says. Raises ``Refused``."""

LARGEST = 2**63 - 1
CURRENCY = re.compile(r"[A-Z]{3}")


class Refused(Exception):
    """The column cannot hold what the record says; the message says why."""


def text(name: str) -> Hear:
    """A text, or nothing."""
    return lambda record: _text(record.get(name))


def required(name: str) -> Hear:
    """A text that says something."""

    def hear(record: Record) -> str:
        found = _text(record.get(name))
        if found is None or not found.strip():
            raise Refused(f"{name} is empty in the CRM, and must not be here")
        return found

    return hear


def first(name: str) -> Hear:
    """The first of a list of texts, or nothing."""
    return lambda record: _text(next(iter(record.get(name) or ()), None))


def identity(name: str) -> Hear:
    """The CRM's id of something."""

    def hear(record: Record) -> int | None:
        value = record.get(name)
        if value is not None and (not isinstance(value, int) or not 0 < value <= LARGEST):
            raise Refused(f"{name} {value!r} is no id")
        return value

    return hear


def one_of(name: str, values: Collection[str]) -> Hear:
    """One of a few words."""

    def hear(record: Record) -> Any:
        if record.get(name) not in values:
            raise Refused(f"{name} is {record.get(name)!r}, none of {', '.join(values)}")
        return record[name]

    return hear


def number(record: Record) -> str | None:
    """A deal's value; JSON's numbers are not exact enough."""
    value = record.get("value")
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"value {value!r} is no number") from None
    if not found.is_finite():
        raise Refused(f"value {value!r} is no number")
    return str(found)


def currency(record: Record) -> str | None:
    """Three letters, or nothing."""
    value = record.get("currency")
    if value is not None and not CURRENCY.fullmatch(str(value)):
        raise Refused(f"currency {value!r} is no three letters")
    return value


def done(record: Record) -> bool:
    """Whether an activity is."""
    return bool(record.get("done"))


def note(record: Record) -> str | None:
    """HTML there, plain text here."""
    found = _text(record.get("note"))
    return None if found is None else to_plain(found)


def due_at(record: Record) -> str | None:
    """Day and time of day, both in UTC; a day without a time is its beginning."""
    day = record.get("due_date")
    if not day:
        return None
    try:
        at = time.fromisoformat(str(record.get("due_time") or "00:00:00"))
        found = datetime.combine(date.fromisoformat(str(day)), at.replace(tzinfo=None), UTC)
    except ValueError:
        raise Refused(f"due {day!r} {record.get('due_time')!r} is no time") from None
    return found.isoformat()


def duration(record: Record) -> str | None:
    """``HH:MM:SS``; hours may be many."""
    value = record.get("duration")
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,6}:\d\d(:\d\d)?", str(value)):
        raise Refused(f"duration {value!r} is no length of time")
    return str(value)


def _text(value: Any) -> str | None:
    """Without what PostgreSQL cannot store."""
    if value is None:
        return None
    return str(value).replace("\0", "").encode("utf-8", "replace").decode() or None
