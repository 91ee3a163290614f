"""One request to a CRM, and what its connector knows of prices and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import httpx

GENERAL = "general"
"""The burst window that every call is in."""


@dataclass(frozen=True)
class Call:
    """One request. ``content`` may be a file, which is sent bit by bit.

    ``cost`` is in the CRM's own unit; ``kind`` names the burst window it is in.

    ``safe`` says that sending it twice does no harm (reads, and writes that settle on the same
    result); only such calls are repeated when it is not known whether they were applied.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cost: int = 1
    kind: str = GENERAL
    safe: bool = True


@dataclass(frozen=True)
class Limits:
    """What a CRM allows: ``daily`` units until the reset, and requests per rolling window.

    ``bursts`` maps a kind to (requests, seconds); a call takes a place in ``GENERAL`` and in the
    window of its own kind. ``share`` of the daily units is ours to use. The day begins at midnight
    in ``zone``, unless the quota is ``rolling`` over the last 24 hours. ``user_calls`` is how many
    calls a minute one user may cause, 0 for any number.
    """

    daily: int
    bursts: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    share: float = 1.0
    zone: str = "UTC"
    rolling: bool = False
    user_calls: int = 0


@dataclass(frozen=True)
class Observation:
    """What an answer's headers say: units left of the day's whole budget, and of a burst window.

    ``burst`` is how many requests the rolling window of the call's kind takes, ``burst_left`` how
    many of them are free.
    """

    remaining: int | None = None
    daily: int | None = None
    burst: int | None = None
    burst_left: int | None = None


class Budget(Protocol):
    """The ledger, and the memory of what went wrong, as the transport sees them."""

    def admit(self) -> None:
        """Whether anything may be sent at all. Raises ``CircuitOpen``."""

    def spend(self, call: Call) -> None:
        """Pay for a call and wait for its turn. Raises ``BudgetSpent`` and ``CircuitOpen``."""

    def refund(self, call: Call) -> None:
        """Take back what was paid for a call that never left."""

    def learn(self, seen: Observation) -> None:
        """Correct the ledger by what the CRM says."""

    def exhaust(self, wait: float | None) -> datetime:
        """The CRM says that the day's budget is gone (for ``wait`` s); returns when it goes on."""

    def report(self, trouble: Exception | None) -> None:
        """How a call ended: what was wrong with the CRM itself, ``None`` if it answered."""

    def block(self, trouble: Exception) -> None:
        """The CRM shuts the account out: nobody sends anything for a long while."""


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
