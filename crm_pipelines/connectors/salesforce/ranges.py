"""Ranges of a slice that is too large for one question, and how far the reading of each is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any

import msgspec

from crm_pipelines.model.source import Place
from crm_pipelines.model.window import OVERLAP, Slice


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """Records by their stamp in ``[start, end)``, ``None`` is open; one query job.

    ``closing`` is asked only when all others are done. ``rows`` is what the finished job says it
    has (unless it does not), ``seen`` what its pages held. ``addresses`` are pages that are still
    to come and ``more`` is where others are told; where pages are read one by one (``serial``),
    ``locator`` is where the next one begins.
    """

    start: datetime | None = None
    end: datetime | None = None
    closing: bool = False
    job: str = ""
    version: str = ""
    finished: bool = False
    rows: int | None = None
    seen: int = 0
    listed: bool = False
    addresses: tuple[str, ...] = ()
    more: str = ""
    serial: bool = False
    locator: str = ""

    def anew(self) -> Range:
        """The same records, asked by a job that is yet to be ordered."""
        return Range(self.start, self.end, self.closing)

    def change(self, **changes: Any) -> Range:
        """A copy with some values changed."""
        return msgspec.structs.replace(self, **changes)


def store(ranges: list[Range]) -> Place | None:
    """What is still to be read, as a place; none if that is nothing."""
    return {"ranges": msgspec.to_builtins(ranges)} if ranges else None


def restore(place: Place) -> list[Range]:
    """The ranges of a place; empty if it is not one of theirs."""
    try:
        return msgspec.convert(place["ranges"], list[Range])
    except (KeyError, msgspec.ValidationError):
        return []


def divide(part: Slice, by_day: Mapping[date, int], pieces: int, now: datetime) -> list[Range]:
    """Ranges of neighbouring days that hold about as many records each.

    A record that is changed while others are read leaves its range for the present. So where the
    slice reaches into the present, all ranges end with the day before (that of a while before
    ``now``, for what commits late), and a closing one, which is asked when they have been read,
    holds whatever was changed since. Whole days ask the same questions all day long.
    """
    present = _midnight((now - OVERLAP).astimezone(UTC).date())
    end = present if part.end is None else min(part.end, present)
    days = sorted(day for day in by_day if by_day[day] and _within(day, part.start, end))
    goal, held, cuts = sum(by_day[day] for day in days) / max(pieces, 1), 0, list[datetime]()
    for day in days:
        if held and held + by_day[day] / 2 > goal:
            cuts.append(_midnight(day))
            held = 0
        held += by_day[day]
    if not cuts:
        return [Range(part.start, part.end)]
    bounds = [part.start, *cuts, end]
    ranges = [Range(first, last) for first, last in pairwise(bounds)]
    return ranges if end == part.end else [*ranges, Range(end, part.end, closing=True)]


def _within(day: date, start: datetime | None, end: datetime) -> bool:
    """Whether a range may begin with that day."""
    return (start is None or start < _midnight(day)) and _midnight(day) < end


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
