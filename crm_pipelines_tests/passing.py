"""Folders that are gone afterwards, in memory where there is plenty.

Files of databases come and go by the hundred thousand, which disks do not like.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that have to be free there; some machines have nearly none."""

NAME = "crm-tests-"


@contextmanager
def passing_folder() -> Iterator[Path]:
    """A folder of this process."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    if roomy:
        _remove_abandoned()
    with tempfile.TemporaryDirectory(
        prefix=f"{NAME}{os.getpid()}-",
        dir=MEMORY if roomy else None,
        ignore_cleanup_errors=True,
    ) as folder:
        yield Path(folder)


def _remove_abandoned() -> None:
    """What tests that were killed have left behind would stay until the machine is off."""
    for folder in MEMORY.glob(f"{NAME}*"):
        process = folder.name.removeprefix(NAME).partition("-")[0]
        if not Path("/proc", process).exists():
            shutil.rmtree(folder, ignore_errors=True)
