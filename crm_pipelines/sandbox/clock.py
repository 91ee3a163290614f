"""The sandbox's time: the real one, shifted or stopped on request."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """A settable clock in UTC. It runs on after being set unless frozen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None

    def now(self) -> datetime:
        """The sandbox's current time, aware, UTC."""
        with self._lock:
            return self._frozen_at or datetime.now(UTC) + self._offset

    def set(self, at: datetime, *, frozen: bool = False) -> None:
        """Jump to ``at`` (aware); stand still there when ``frozen``."""
        with self._lock:
            self._offset = at - datetime.now(UTC)
            self._frozen_at = at if frozen else None

    def advance(self, seconds: float) -> None:
        """Move forward, also while frozen."""
        with self._lock:
            step = timedelta(seconds=seconds)
            self._offset += step
            if self._frozen_at is not None:
                self._frozen_at += step

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset, self._frozen_at = timedelta(0), None
