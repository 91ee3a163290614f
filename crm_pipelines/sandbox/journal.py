"""What was asked of the sandbox: every request with its status and its price."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One request. ``cost`` is in the system's own unit (tokens, calls); ``at`` is ISO, UTC."""

    number: int
    at: str
    system: str
    method: str
    path: str
    query: str
    status: int
    cost: int
    fault: str | None


class Journal:
    """The last requests, oldest first."""

    def __init__(self, keep: int = 200_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._number = 0

    def add(self, **values: Any) -> None:
        """Note one request; the number is given here."""
        with self._lock:
            self._number += 1
            self._entries.append(Entry(number=self._number, **values))

    def since(self, number: int) -> list[dict[str, Any]]:
        """Entries after ``number``."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.number > number]
