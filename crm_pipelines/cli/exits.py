"""Exit codes, as scripts rely on them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What an exit code means."""

    GOOD = 0
    FAILED = 1
    WRONG_USE = 2
    PAUSED = 3
