"""A CRM's own log of what was changed of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class LoggedChange:
    """One field of a record was changed; values are the log's texts, ``at`` is aware."""

    field: str
    old: str | None
    new: str | None
    at: datetime
    user_id: int | None = None


@dataclass(frozen=True)
class LogPage:
    """Some changes, the newest first, and where older ones are (``None``: there are none)."""

    changes: Sequence[LoggedChange]
    next_token: str | None


class ChangeLog(Protocol):
    """An opened account whose logs are read. Raises the errors of ``model.errors``."""

    def of_deal(self, deal_id: int, token: str | None) -> LogPage:
        """One page. Raises ``GoneError`` for a deal that is not there."""

    def close(self) -> None:
        """Let go of connections."""
