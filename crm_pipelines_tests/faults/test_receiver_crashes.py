"""Gateways and the database die at any moment: whatever was answered 200 is there, and once.

``RECEIVER_CRASHES`` sets how many crashes there are: a gateway killed, or the whole server.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crm_pipelines.local import start_postgres
from crm_pipelines.store.database import Database
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests.faults.receiving import (
    Gateways,
    Sender,
    await_that,
    gateways,
    ids_in,
)
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.webhooks import BY_HAND, basic, register, variables

CRASHES = int(os.environ.get("RECEIVER_CRASHES", "8"))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
SENDERS = 6
KINDS = ("gateway", "server", "gateway", "both")
REGISTERED = basic("registered", "secret")


class Server:
    """A PostgreSQL of our own, to be killed and frozen."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running = start_postgres(home, grace_seconds=2)
        self.url = self._running.url

    def pids(self) -> list[int]:
        """The postmaster, then its children."""
        file = self._home / "postgres" / "data" / "18" / "postmaster.pid"
        master = int(file.read_text().split()[0])
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]

    def signal(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def again(self) -> None:
        """Up, if it is not already."""
        self._running.close()
        self._running = start_postgres(self._home, grace_seconds=2)
        assert self._running.url == self.url

    def close(self) -> None:
        self._running.close(stop=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("receiver")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder / "server")
    database = Database(made.url)
    migrate(database)
    database.close()
    register(made.url, "registered", "secret")
    yield made
    made.close()


@pytest.fixture(scope="module")
def two(server: Server, folder: Path) -> Iterator[Gateways]:
    """Two gateways that know the registered credentials, with one home."""
    with gateways(variables(server.url, folder, free_port()), folder) as made:
        for port in (free_port(), free_port()):
            made.start(port)
            made.await_answer(port)
        copy = folder / "home" / "webhook-credentials.json"
        await_that(copy.exists, "the copy of credentials is there")
        yield made


def strike(
    kind: str, server: Server, two: Gateways, ports: list[int], chance: random.Random
) -> None:
    """One crash, and a while later what died is back."""
    if kind != "server":
        two.kill(chance.choice(ports))
    if kind != "gateway":
        server.signal(signal.SIGKILL)
        time.sleep(chance.uniform(0.0, 1.0))
    for port in ports:
        if port not in two.alive:
            two.start(port)
    if kind != "gateway":
        time.sleep(chance.uniform(0.0, 1.5))
        server.again()


def test_what_was_answered_is_there(server: Server, two: Gateways, folder: Path) -> None:
    chance, ports = random.Random(20_261_121), list(two.alive)
    both = [BY_HAND, REGISTERED]
    senders = [Sender(f"sender-{n}", sys.maxsize, ports, both, n) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for kind in itertools.islice(itertools.cycle(KINDS), CRASHES):
            time.sleep(chance.uniform(0.2, 0.8))
            strike(kind, server, two, ports, chance)
        for sender in senders:
            sender.enough.set()
        await_that(lambda: not any(one.is_alive() for one in senders), "all is taken")
    finally:
        for sender in senders:
            sender.over.set()
            sender.join()
    spool = folder / "home" / "spool"
    await_that(lambda: not any(file.stat().st_size for file in spool.glob("*.spool")), "moved")
    taken = [identity for sender in senders for identity in sender.taken]
    assert len(taken) > CRASHES
    assert sorted(ids_in(server.url, "sender")) == sorted(taken)
    assert {status for one in senders for status in one.statuses} <= {200, 503}
    moved = sum(map(int, re.findall(r"(\d+) deliveries were moved", two.log.read_text())))
    sys.stderr.write(f"{CRASHES} crashes: {len(taken)} deliveries, {moved} by way of the disk\n")
    assert moved


def test_a_database_that_hangs_makes_nobody_wait(server: Server, two: Gateways) -> None:
    ports = list(two.alive)
    sender = Sender("frozen", 20, ports, [BY_HAND, REGISTERED])
    server.signal(signal.SIGSTOP)
    try:
        sender.start()
        sender.join()
    finally:
        for pid in server.pids():
            os.kill(pid, signal.SIGCONT)
    assert sender.statuses == [200] * 20
    await_that(lambda: len(ids_in(server.url, "frozen")) == 20, "moved")
