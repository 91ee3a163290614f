"""A record as the inbox got to see it, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import Event
from crm_pipelines.model.sink import Found


@dataclass(frozen=True)
class Sighted:
    """What an event tells of a record that may be on the local side, too.

    ``found`` is its state: as it was asked for at ``asked_at`` (aware, the database's clock before
    the question was sent), or as the event shows it where that is ``None``. There is none of a
    record that is ``gone``; ``merged_into`` is the one it went into. ``before`` holds the old
    values of what the event says has changed, in the same words.
    """

    event: Event
    entity: Entity
    remote_id: int
    found: Found | None = None
    asked_at: datetime | None = None
    gone: bool = False
    merged_into: int | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
