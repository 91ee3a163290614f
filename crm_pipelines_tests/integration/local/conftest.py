import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_pipelines.local import locks
from crm_pipelines.local.locks import Lock
from crm_pipelines.local.program import STATE, read_record

ROOT = Path(__file__).parents[3]


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def is_free(folder: Path, lock: str) -> bool:
    with Lock(folder / lock) as held:
        return held.is_free()


def program_pid(folder: Path) -> int:
    record = read_record(folder / STATE)
    assert record is not None
    return int(record["pid"])


def keeper_pid(folder: Path) -> int:
    """The number that the last keeper wrote into its log."""
    last = (folder / "keeper.log").read_text().splitlines()[-1]
    return int(last.partition("[")[2].partition("]")[0])


def kill_keeper(folder: Path) -> None:
    os.kill(keeper_pid(folder), signal.SIGKILL)
    wait_until(lambda: is_free(folder, locks.KEEPER))


def start_user(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "crm_pipelines_tests.integration.local.user", str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a space in its path; nothing may be left running in it."""
    home = tmp_path / "a home"
    yield home
    for folder in home.iterdir() if home.exists() else ():
        wait_until(lambda folder=folder: is_free(folder, locks.PROGRAM))  # type: ignore[misc]
        wait_until(lambda folder=folder: is_free(folder, locks.KEEPER))  # type: ignore[misc]
