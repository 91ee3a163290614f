"""File locks that the kernel releases when their holder dies, however it dies.

Each is a `flock` on an empty file in the program's folder. What the four files mean:

- `start.lock`, exclusive: its holder alone may begin to use the program or decide to stop it
- `lease`, shared: every process that uses the program holds it
- `keeper.lock`, exclusive: the keeper; only its holder may start the program
- `program.lock`, exclusive: the program and all it forks; free means nothing of it is alive

A lock belongs to the open file, so handing the descriptor to a child hands over the lock.
Descriptors are closed in children by default, so nobody inherits one by accident.
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
    """A held lock; closing it lets go, unless a child was given the descriptor as well."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @property
    def descriptor(self) -> int:
        """The open file, to be handed to a child."""
        if self._descriptor is None:
            raise ValueError("the lock was let go")
        return self._descriptor

    def close(self) -> None:
        """Let go; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def try_lock(path: Path) -> Lock | None:
    """Take the lock for oneself alone, or return None at once if anybody holds it."""
    return _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_lock(path: Path, seconds: float) -> Lock | None:
    """Take the lock for oneself alone, or return None if it stays taken for so long."""
    deadline = time.monotonic() + seconds
    while (lock := try_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return lock


def share_lock(path: Path) -> Lock:
    """Take the lock together with others; waits for an exclusive holder, which tests briefly."""
    lock = _lock(path, fcntl.LOCK_SH)
    assert lock is not None
    return lock


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock."""
    lock = try_lock(path)
    if lock is None:
        return False
    lock.close()
    return True


def _lock(path: Path, operation: int) -> Lock | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(descriptor)
