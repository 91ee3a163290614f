"""What a connector can tell of an account before anything is synced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Probe:
    """One cheap look at a stream.

    ``records`` is how many the CRM has (``None`` where it cannot say cheaply), at most so many
    unless ``exact``. ``sample`` is one record as the CRM shows it, where one was asked for.
    """

    records: int | None = None
    exact: bool = False
    sample: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Price:
    """What reading a stream whole takes: calls, their cost in the CRM's unit (tokens, calls) and
    seconds at the speed the CRM is known for, for want of own experience."""

    calls: int
    cost: int
    seconds: float
