"""File locks that the kernel lets go when their holder dies, however it dies.

Each is a `flock` on an empty file in the program's folder. What the four files mean:

- `start.lock`, exclusive: its holder alone may begin to use the program or decide to stop it
- `lease`, shared: every process that uses the program holds it
- `keeper.lock`, exclusive: the keeper; only its holder may start the program
- `program.lock`, exclusive: the program and all it forks; free means nothing of it is alive

A lock belongs to the open file, so handing the descriptor to a child hands over the lock.
Descriptors are closed in programs started later, so those inherit none by accident; a plain
fork has its parent's locks until both have ended.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

START = "start.lock"
LEASE = "lease"
KEEPER = "keeper.lock"
PROGRAM = "program.lock"

PAUSE_SECONDS = 0.02


class Lock:
    """An open lock file, held or not. It stays the same lock if the folder is deleted."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def descriptor(self) -> int:
        """The open file, to be handed to a child together with the lock."""
        return self._descriptor

    def take(self, seconds: float = 0.0) -> bool:
        """Take it for oneself alone; False if others still hold it after so long."""
        deadline = time.monotonic() + seconds
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE_SECONDS)
        return True

    def share(self) -> None:
        """Take it together with others; a moment's wait for those who test it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_free(self, seconds: float = 0.0) -> bool:
        """Whether nobody else holds it, now or within the time given."""
        if not self.take(seconds):
            return False
        self.release()
        return True

    def release(self) -> None:
        """Let go, for all who share the descriptor; the file stays open."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go, unless a child was given the descriptor as well; a second call is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
