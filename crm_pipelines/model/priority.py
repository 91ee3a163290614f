"""Who goes first where a budget or a burst window is scarce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from crm_pipelines.model.window import Mode, Options, Slice


class Priority(IntEnum):
    """Why a call is made; the smaller number goes first."""

    INTERACTIVE = 1
    REFETCH = 2
    DELTA = 3
    BACKFILL = 4

    @property
    def label(self) -> str:
        """As it is stored and shown."""
        return self.name.lower()


@dataclass(frozen=True)
class Claim:
    """What a priority is promised.

    ``reserved`` is the share of the day kept from lower priorities, ``floor`` the share kept from
    higher ones (never from interactive calls), both only as far as it is not used up yet.
    ``patience`` is in seconds: a waiting call goes before those of higher priority that came so
    much later.
    """

    what: str
    reserved: float
    floor: float
    patience: float


CLAIMS: Mapping[Priority, Claim] = {
    Priority.INTERACTIVE: Claim("record updates and warm leads", 0.10, 0.0, 0.0),
    Priority.REFETCH: Claim("what webhooks announced, and activity replication", 0.05, 0.0, 4.0),
    Priority.DELTA: Claim("syncs of what changed", 0.15, 0.0, 8.0),
    Priority.BACKFILL: Claim("full syncs, windows of the past, sweeps, imports", 0.0, 0.05, 16.0),
}

HEADROOM = 0.1
"""The share of a burst window that others leave free while interactive calls are about."""


def kept_from(priority: Priority) -> list[float]:
    """By priority, the first first: the share of the day that this one must leave to it."""
    return [
        0.0 if other is priority else _kept(priority, other, claim)
        for other, claim in CLAIMS.items()
    ]


def _kept(priority: Priority, other: Priority, claim: Claim) -> float:
    if other < priority:
        return claim.reserved
    return 0.0 if priority is Priority.INTERACTIVE else claim.floor


def priority_of(options: Options, part: Slice, *, windowed: bool) -> Priority:
    """Of a sync: keeping up goes before reading the past, what was announced before both."""
    if options.mode is Mode.EVENTS:
        return Priority.REFETCH
    asks_for_past = options.force_overwrite or options.since or options.incremental_days
    keeps_up = options.mode is Mode.INCREMENTAL and not asks_for_past
    if keeps_up and (part.start is not None or not windowed):
        return Priority.DELTA
    return Priority.BACKFILL
