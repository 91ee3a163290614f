"""Times of records: in the past, in order, with many records sharing one second."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

FIRST = datetime(2015, 1, 5, 8, 0, tzinfo=UTC)
LAST = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
"""Nothing is stamped outside these, whatever the day the sandbox is started."""


def stamp(at: datetime) -> str:
    """As v2 writes times."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Times:
    """Times for a collection of ``total`` records, asked for in order of their number."""

    def __init__(self, rng: random.Random, total: int) -> None:
        self._rng = rng
        self._step = (LAST - FIRST) / max(1, total)
        # Bulk edits: blocks of neighbours share one update second, wider than a page where
        # there are records enough, so that ties lie across page boundaries.
        self._block = 1500 if total >= 6000 else max(2, min(150, total // 3))

    def added_at(self, number: int) -> datetime:
        """When the record numbered ``number`` (from 0) was added."""
        return FIRST + self._step * number

    def updated_at(self, number: int) -> datetime | None:
        """When it was last changed; a few records of imports have no such time."""
        if number % 149 == 7:
            return None
        block = number // self._block
        if block % 4 == 1:
            return self.added_at((block + 1) * self._block - 1) + timedelta(hours=1)
        added = self.added_at(number)
        if self._rng.random() < 0.3:
            return added
        return added + (LAST - added) * (self._rng.random() ** 3)
