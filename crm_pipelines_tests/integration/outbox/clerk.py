"""A worker that is a process: claims what is due, says so, sends some of it, and waits.

python -m crm_pipelines_tests.integration.outbox.clerk URL HOW_MANY HOW_MANY_SENT
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database


def main() -> None:
    """Never gives anything back by itself."""
    url, most, sent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    database = Database(url)
    with outbox.Worker(database) as worker:
        found = outbox.due(database, workspace="default", crm="pipedrive", most=most)
        claimed = outbox.claim(database, worker, found)
        for command in claimed[:sent]:
            outbox.mark_sent(database, command)
        sys.stdout.write(" ".join(str(command.id) for command in claimed) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    database.close()


@contextmanager
def clerk(url: str, most: int, sent: int = 0) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The process, and the commands it has in hand; killed at the end."""
    command = [sys.executable, "-m", __spec__.name, url, str(most), str(sent)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, [int(number) for number in process.stdout.readline().split()]
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
