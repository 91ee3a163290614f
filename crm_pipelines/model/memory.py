"""What was learned about an account and is not worth asking for again soon."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Protocol


class Memory(Protocol):
    """Notes on one account, shared by every process that uses it. Values are JSON."""

    def recall(self, name: str, younger_than: timedelta) -> Any:
        """A note that is not older than that, or ``None``."""

    def keep(self, name: str, value: Any) -> None:
        """Write a note, over an older one."""

    def alone(self, name: str) -> AbstractContextManager[None]:
        """A block that one thread of one process is in at a time, whatever the machine."""
