"""Single processes: telling one from a later one with the same number, and ending it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.local import locks


@dataclass(frozen=True)
class Process:
    """A process id and when it began, which together are not used twice."""

    pid: int
    began: str

    def is_same(self) -> bool:
        """Whether the process with this id is still the one that was meant."""
        return began(self.pid) == self.began


def find_process(pid: int) -> Process | None:
    """Return the living process with this id."""
    moment = began(pid)
    return None if moment is None else Process(pid, moment)


def began(pid: int) -> str | None:
    """When a process began, in an unspecified form; None if it is dead or was never there."""
    return _began_linux(pid) if sys.platform == "linux" else _began_ps(pid)


def _began_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name comes in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _began_ps(pid: int) -> str | None:
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    state, _, moment = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else moment.strip()


def end_process(process: Process, signals: Sequence[int], seconds: float, alive: Path) -> bool:
    """Send the signals one by one, `seconds` apart, until the lock file `alive` is free.

    Returns False if something still holds the lock after the last one.
    """
    for number in signals:
        if process.is_same():
            os.kill(process.pid, number)
        lock = locks.wait_lock(alive, seconds)
        if lock is not None:
            lock.close()
            return True
    return False
