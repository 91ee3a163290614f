"""What a benchmark stands on: a PostgreSQL, simulated CRMs of the wanted sizes, an environment."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from crm_pipelines.connectors import discover
from crm_pipelines.local import start_postgres
from crm_pipelines_tests.sandbox_process import Sandbox, sandbox_process

ROOMY = {"PIPEDRIVE_BURST_LIMIT": "10000", "PIPEDRIVE_DAILY_TOKENS": "100000000"}
"""The benchmark asks how fast we are, not how long a plan makes one wait."""

SMALL = {"persons": 1, "organizations": 1, "deals": 1, "activities": 1, "contacts": 1}
"""What a sandbox holds of everything that is not measured in it."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL in which databases may be made, and a folder for files."""

    url: str
    folder: Path

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        """A vacuum that PostgreSQL runs by itself may be at work there for a moment."""
        dropping = sql.SQL("DROP DATABASE {}").format(sql.Identifier(name))
        give_up_at = time.monotonic() + 60
        with psycopg.connect(self.url, autocommit=True) as connection:
            while True:
                try:
                    connection.execute(dropping)
                except psycopg.errors.ObjectInUse:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(0.2)
                else:
                    return


@dataclass(frozen=True)
class Ground:
    """A server and a sandbox. ``filling_seconds``: until the sandbox was ready."""

    server: Server
    sandbox: Sandbox
    sandbox_pid: int
    filling_seconds: float

    def variables(self, database_url: str) -> Mapping[str, str]:
        """The environment of a sync of ours."""
        home = str(self.server.folder / "home")
        own = {"CRM_DATABASE_URL": database_url, "CRM_HOME": home, **ROOMY}
        for connector in discover().values():
            own.update(connector.sandbox(self.sandbox.url))
        return {**os.environ, **own}

    def sandbox_cpu(self) -> float:
        """Seconds of processor time that the sandbox has used so far."""
        fields = Path(f"/proc/{self.sandbox_pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server() -> Iterator[Server]:
    """The server of CRM_DATABASE_URL, or an embedded one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-bench-")))
        given = os.environ.get("CRM_DATABASE_URL")
        yield Server(given or _embedded(folder / "home", stack), folder)


@contextmanager
def running_sandbox(server: Server, name: str, keep: Path | None, **sizes: int) -> Iterator[Ground]:
    """A sandbox that holds so much; ``keep`` is a folder in which its records stay, by name."""
    records = (keep.absolute() if keep else server.folder / "sandboxes") / name
    wanted = {**SMALL, **sizes}
    options = [word for key, count in wanted.items() for word in (f"--{key}", str(count))]
    begun = time.perf_counter()
    with sandbox_process(records, *options) as (process, sandbox):
        took = time.perf_counter() - begun
        sandbox.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "daily_tokens": 100_000_000})
        sandbox.admin("PATCH", "/salesforce/limits", {"daily_calls": 100_000_000})
        yield Ground(server, sandbox, process.pid, took)


def _embedded(home: Path, stack: ExitStack) -> str:
    postgres = start_postgres(home, grace_seconds=2)
    stack.callback(lambda: postgres.close(stop=True))
    return postgres.url
