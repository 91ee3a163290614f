"""Single processes: telling one from a later one with the same number, and ending it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.local.locks import PAUSE_SECONDS


@dataclass(frozen=True)
class Process:
    """A process id and when it began, which together are not used twice."""

    pid: int
    began: str

    def is_same(self) -> bool:
        """Whether the process with this id is alive and still the one that was meant."""
        return _began(self.pid) == self.began


def find_process(pid: int) -> Process | None:
    """Return the living process with this id."""
    began = _began(pid)
    return None if began is None else Process(pid, began)


def end_process(process: Process, signals: Sequence[int], seconds: float) -> bool:
    """Send the signals one by one, `seconds` apart, until the process has ended.

    Returns False if it is alive all the same.
    """
    for number in signals:
        deadline = time.monotonic() + seconds
        with suppress(ProcessLookupError):  # It may end just now by itself.
            if process.is_same():
                os.kill(process.pid, number)
        while process.is_same() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
    return not process.is_same()


def _began(pid: int) -> str | None:
    return _began_in_proc(pid) if sys.platform == "linux" else _began_by_ps(pid)


def _began_in_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name comes in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _began_by_ps(pid: int) -> str | None:
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    plain = {"LC_ALL": "C", "TZ": "UTC"}
    answer = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)  # noqa: S603
    state, _, moment = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else moment.strip()
