"""Runs in processes of their own, to be killed at a chosen place and executed again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

CHECKOUT = Path(__file__).parents[2]
OURS = ("CRM_", "PIPEDRIVE_", "SALESFORCE_", "DAGSTER_")
PATIENCE = 60.0
"""Seconds after which a test that waits for something gives up."""


class Run:
    """A run of the driver program. ``values`` are its environment.

    ``file_blocks`` is how many blocks of 512 bytes a file may have, 0 for no limit.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        name: str,
        key: str,
        run: str,
        hold: str,
        file_blocks: int = 0,
        **options: Any,
    ) -> None:
        rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        module = "crm_pipelines_tests.faults.driver"
        limit = (
            ["/bin/sh", "-c", f'ulimit -f {file_blocks}; exec "$@"', "sh"] if file_blocks else []
        )
        self.process = subprocess.Popen(
            [*limit, sys.executable, "-m", module, name, key, run, json.dumps(options), hold],
            cwd=CHECKOUT,
            env={**rest, **values},
            stdout=subprocess.PIPE,
            text=True,
        )

    def await_words(self, words: str) -> None:
        """Read what the program says up to a line that begins like this."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            if line.startswith(words):
                return
            seen.append(line)
        raise AssertionError(f"the run ended without saying {words!r}: {seen}")

    def kill(self) -> None:
        """The end no program can prepare for."""
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(PATIENCE) == -signal.SIGKILL

    def finish(self) -> dict[str, Any]:
        """Wait for the end; the outcome, or the error as ``{"error": class, "words": line}``."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        last = output.splitlines()[-1] if output else ""
        kind, _, words = last.partition(" ")
        if kind == "outcome":
            found: dict[str, Any] = json.loads(words)
            return found
        return {"error": kind, "words": words}


@contextmanager
def running(
    values: Mapping[str, str],
    name: str,
    key: str,
    run: str,
    *,
    hold: str = "",
    file_blocks: int = 0,
    **options: Any,
) -> Iterator[Run]:
    """A run that does not outlive the block."""
    one = Run(values, name, key, run, hold, file_blocks, **options)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        if one.process.stdout is not None:
            one.process.stdout.close()


def execute(
    values: Mapping[str, str], name: str, key: str, run: str, **options: Any
) -> dict[str, Any]:
    """A whole run in a process of its own; its outcome or error."""
    with running(values, name, key, run, **options) as one:
        return one.finish()


def staged(values: Mapping[str, str], name: str, key: str, phase: str, number: int) -> Path:
    """Where a chunk of a run lies."""
    about = quote(f"{key}/default.{name}")
    return Path(values["CRM_HOME"]) / "staging" / about / phase / f"{number:06d}.arrow"


def await_that(condition: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.01)
