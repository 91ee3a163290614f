"""The fields that can be written, by entity, in one vocabulary for every CRM.

Whoever writes (a form, another program, a change of the local side) speaks in these words; each
connector knows how its CRM says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from crm_pipelines.model.command import Entity


class Shape(StrEnum):
    """What a value looks like."""

    TEXT = "text"
    HTML = "html"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ID = "id"
    IDS = "list of ids"
    EMAILS = "list of e-mail addresses"
    PHONES = "list of phone numbers"
    DATE = "date"
    TIME = "time of day, UTC"
    DURATION = "duration"
    CURRENCY = "currency"
    VISIBILITY = "visibility"
    STATUS = "open, won or lost"


@dataclass(frozen=True)
class Writable:
    """One field. ``needed`` is what a create cannot do without; ``clearable`` may be null."""

    shape: Shape
    needed: bool = False
    clearable: bool = True
    longest: int = 255


FIELDS: Mapping[Entity, Mapping[str, Writable]] = {
    Entity.PERSON: {
        "name": Writable(Shape.TEXT, needed=True, clearable=False),
        "email": Writable(Shape.EMAILS),
        "phone": Writable(Shape.PHONES),
        "org_id": Writable(Shape.ID),
        "org_name": Writable(Shape.TEXT, clearable=False),
        "label_ids": Writable(Shape.IDS),
        "owner_id": Writable(Shape.ID, clearable=False),
        "visible_to": Writable(Shape.VISIBILITY, clearable=False),
    },
    Entity.ORGANIZATION: {
        "name": Writable(Shape.TEXT, needed=True, clearable=False),
        "industry": Writable(Shape.TEXT),
        "country": Writable(Shape.TEXT),
        "address": Writable(Shape.TEXT, longest=1000),
        "label_ids": Writable(Shape.IDS),
        "owner_id": Writable(Shape.ID, clearable=False),
        "visible_to": Writable(Shape.VISIBILITY, clearable=False),
    },
    Entity.ACTIVITY: {
        "subject": Writable(Shape.TEXT, needed=True, clearable=False),
        "type": Writable(Shape.TEXT, needed=True, clearable=False, longest=64),
        "due_date": Writable(Shape.DATE),
        "due_time": Writable(Shape.TIME),
        "duration": Writable(Shape.DURATION),
        "note": Writable(Shape.HTML, longest=100_000),
        "person_id": Writable(Shape.ID),
        "org_id": Writable(Shape.ID),
        "deal_id": Writable(Shape.ID),
        "owner_id": Writable(Shape.ID, clearable=False),
        "done": Writable(Shape.BOOLEAN, clearable=False),
    },
    Entity.DEAL: {
        "title": Writable(Shape.TEXT, needed=True, clearable=False),
        "value": Writable(Shape.NUMBER),
        "currency": Writable(Shape.CURRENCY, clearable=False),
        "stage_id": Writable(Shape.ID, clearable=False),
        "status": Writable(Shape.STATUS, clearable=False),
        "person_id": Writable(Shape.ID),
        "org_id": Writable(Shape.ID),
        "owner_id": Writable(Shape.ID, clearable=False),
        "visible_to": Writable(Shape.VISIBILITY, clearable=False),
    },
}
"""Dates are ``YYYY-MM-DD``, times ``HH:MM:SS`` in UTC, durations ``HH:MM:SS``; e-mail addresses and
phone numbers are lists of texts, the first of them the primary one."""

OTHER_NAMES: Mapping[Entity, Mapping[str, str]] = {
    Entity.ACTIVITY: {"user_id": "owner_id"},
}
"""Names that callers may use, too."""
