"""Gateways that come and go, databases that do, and a sender who does not give up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from crm_pipelines_tests import webhooks
from crm_pipelines_tests.faults.runs import CHECKOUT, OURS
from crm_pipelines_tests.sandbox_process import plain_client
from crm_pipelines_tests.webhooks import PATH, Headers, delivery

PATIENCE = 120.0


class Gateways:
    """Gateways of one environment, by port."""

    def __init__(self, values: Mapping[str, str], log: Path) -> None:
        rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._log = log.open("ab")
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "crm_pipelines_tests.faults.gateway_worker"],
            cwd=CHECKOUT,
            env={**rest, **values},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.alive: dict[int, int] = {}

    def start(self, port: int) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{port}\n")
        self._process.stdin.flush()
        self.alive[port] = int(self._process.stdout.readline())

    def await_answer(self, port: int) -> None:
        with plain_client() as client:
            await_that(lambda: answers(client, port), f"a gateway on {port} answers")

    def kill(self, port: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.alive.pop(port), signal.SIGKILL)

    def close(self) -> None:
        for port in list(self.alive):
            self.kill(port)
        self._process.communicate(timeout=60)
        self._log.close()


@contextmanager
def gateways(values: Mapping[str, str], folder: Path) -> Iterator[Gateways]:
    made = Gateways(values, folder / "gateways.log")
    try:
        yield made
    finally:
        made.close()


class Sender(threading.Thread):
    """Brings deliveries like Pipedrive: each again and again until it hears 200.

    No more are begun once it has had ``enough``; when it is ``over`` the last one is given up.
    """

    def __init__(
        self, name: str, most: int, ports: list[int], headers: Sequence[Headers], seed: int = 1
    ) -> None:
        super().__init__(name=name)
        self._most, self._ports, self._headers = most, ports, headers
        self._chance = random.Random(seed)
        self.taken: list[str] = []
        self.statuses: list[int] = []
        self.enough, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        with plain_client(timeout=20) as client:
            while len(self.taken) < self._most and not self.enough.is_set():
                number, attempt = len(self.taken), 1
                identity = f"{self.name}-{number}"
                while not self._send(client, delivery(identity, number, attempt)):
                    if self.over.wait(self._chance.uniform(0.02, 0.3)):
                        return
                    attempt += 1
                self.taken.append(identity)
                time.sleep(self._chance.uniform(0.0, 0.02))

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        address = f"http://127.0.0.1:{self._chance.choice(self._ports)}{PATH}"
        try:
            answer = client.post(address, content=body, headers=self._chance.choice(self._headers))
        except httpx.TransportError:
            return False
        self.statuses.append(answer.status_code)
        return answer.status_code == 200


@contextmanager
def absent(url: str) -> Iterator[None]:
    """The database lets nobody in, and those who were in are out."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as server:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        server.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            server.execute(allow.format(sql.Identifier(name), sql.Literal(True)))


def answers(client: httpx.Client, port: int) -> bool:
    with suppress(httpx.TransportError):
        return client.get(f"http://127.0.0.1:{port}{PATH}").status_code == 405
    return False


def await_that(true: Callable[[], object], what: str) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.05)


def ids_in(url: str, beginning: str = "") -> list[str]:
    """What the inbox holds, in the order of arrival."""
    return [row[1] for row in webhooks.stored(url) if row[1].startswith(beginning)]
