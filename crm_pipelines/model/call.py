"""One request to a CRM, and what its connector knows of prices and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Call:
    """One request. ``cost`` is in the CRM's own unit; ``kind`` names the burst window it is in.

    ``safe`` says that sending it twice does no harm (reads, and writes that settle on the same
    result); only such calls are repeated when it is not known whether they were applied.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: int = 1
    kind: str = "general"
    safe: bool = True


@dataclass(frozen=True)
class Limits:
    """What a CRM allows: ``daily`` units until the reset, and requests per rolling window.

    ``bursts`` maps a kind to (requests, seconds). ``share`` of the daily units is ours to use.
    """

    daily: int
    bursts: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    share: float = 1.0


@dataclass(frozen=True)
class Observation:
    """What an answer's headers say of the budget: units left, and the day's whole budget."""

    remaining: int | None = None
    daily: int | None = None


class Budget(Protocol):
    """The ledger as the transport sees it."""

    def spend(self, call: Call) -> None:
        """Pay for a call and wait for its turn. Raises ``BudgetSpent``."""

    def learn(self, seen: Observation) -> None:
        """Correct the ledger by what the CRM says."""

    def exhaust(self, resumes_at: datetime | None) -> datetime:
        """The CRM says that the day's budget is gone; returns when it goes on."""


class Login(Protocol):
    """How requests of one account are signed."""

    def headers(self) -> Mapping[str, str]:
        """What to add to a request; logs in if need be."""

    def renew(self) -> None:
        """Forget the session, so that the next request logs in again."""


Classify = Callable[["httpx.Response"], None]
"""Raises the error class an answer stands for; returns for a good answer."""

Observe = Callable[["httpx.Response"], Observation]
"""Reads the budget headers of an answer."""
