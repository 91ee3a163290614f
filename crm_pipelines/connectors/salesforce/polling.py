"""How often a job is looked at: every look counts against the org's quota."""

from __future__ import annotations

from collections.abc import Iterator

FIRST, GROWTH, LONGEST = 0.3, 1.6, 15.0


def pauses() -> Iterator[float]:
    """Seconds to wait before each look, longer and longer."""
    pause = FIRST
    while True:
        yield pause
        pause = min(pause * GROWTH, LONGEST)
