"""A process that spends: told on its standard input when to begin, says what it spent.

python -m crm_pipelines_tests.integration.budget.worker < JSON line, then an empty line
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from crm_pipelines.model.errors import CrmError
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring


def main() -> None:
    """Fetch a stream page by page."""
    order = json.loads(sys.stdin.readline())
    mirror = Mirroring(order["variables"])
    try:
        mirror.wiring.database.run("runs.now")
        say({"ready": True})
        sys.stdin.readline()
        manifest = mirror.fetch(
            order["stream"],
            key=order["key"],
            mode=Mode.FULL,
            batch_size=order["page"],
            on_page=lambda number: say({"page": number}),
        )
        say({"rows": manifest.rows, "calls": manifest.notes["api_calls"]})
    except CrmError as error:
        say({"error": f"{type(error).__name__}: {error}"})
    finally:
        sys.stdin.readline()  # who leaves gives its checkpoint to the others
        mirror.close()


def say(what: Mapping[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Worker:
    """A worker as its starter sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hear(self) -> dict[str, Any]:
        """The next thing it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker is gone"
        found: dict[str, Any] = json.loads(line)
        return found

    def begin(self) -> None:
        """Off it goes."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        """What it says last."""
        while "page" in (said := self.hear()):
            pass
        return said


@contextmanager
def working(
    count: int, variables: Mapping[str, str], stream: str, page: int
) -> Iterator[list[Worker]]:
    """Workers that are ready to begin; those still there at the end are killed."""
    command = [sys.executable, "-m", "crm_pipelines_tests.integration.budget.worker"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        workers = [Worker(process) for process in processes]
        for number, worker in enumerate(workers):
            assert worker.process.stdin is not None
            order = {"variables": dict(variables), "stream": stream, "page": page}
            worker.process.stdin.write(json.dumps({**order, "key": f"worker-{number}"}) + "\n")
            worker.process.stdin.flush()
        for worker in workers:
            assert worker.hear() == {"ready": True}
        yield workers
    finally:
        for process in processes:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    main()
