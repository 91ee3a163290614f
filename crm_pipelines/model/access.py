"""Who calls the gateway, and what they may do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. ``used`` counts the calls of this minute; times are aware."""

    id: str
    workspace: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    used: int = 0
    seconds_left: float = 60.0
    """Until the next minute begins for this key."""

    def may(self, scope: Scope) -> bool:
        """Whoever administers may do everything."""
        return scope in self.scopes or Scope.ADMIN in self.scopes
