"""Something that people should hear of, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol


class Level(StrEnum):
    """How much it matters: ``INFO`` is for screens only, the others are sent to people."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notice:
    """One piece of news. ``what`` is a noun and a verb (``record.create``, ``command.dead``).

    ``subject`` names the thing, like ``person/17``; ``words`` are for people; ``details`` is
    JSON-ready and holds no secrets.
    """

    workspace: str
    level: Level
    what: str
    subject: str
    words: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    details: Mapping[str, Any] = field(default_factory=dict)

    def show(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "workspace": self.workspace,
            "level": str(self.level),
            "what": self.what,
            "subject": self.subject,
            "words": self.words,
            "at": self.at.isoformat(),
            **({"details": dict(self.details)} if self.details else {}),
        }


class Notify(Protocol):
    """Where news go. Telling never waits and never fails."""

    def __call__(self, notice: Notice) -> None:
        """Pass it on."""

    def close(self) -> None:
        """Give what is still on its way a few seconds."""
