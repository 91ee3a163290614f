"""What a benchmark stands on: a PostgreSQL, a sandbox of the wanted size, an environment."""

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


@dataclass(frozen=True)
class Ground:
    """A server, a sandbox and a folder. ``filling_seconds``: until the sandbox was ready."""

    server_url: str
    sandbox: Sandbox
    folder: Path
    filling_seconds: float

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, dropped afterwards."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(self.server_url)._replace(path=f"/{name}"))
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        """A vacuum that PostgreSQL runs by itself may be at work there for a moment."""
        dropping = sql.SQL("DROP DATABASE {}").format(sql.Identifier(name))
        give_up_at = time.monotonic() + 60
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            while True:
                try:
                    connection.execute(dropping)
                except psycopg.errors.ObjectInUse:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(0.2)
                else:
                    return

    def variables(self, database_url: str) -> Mapping[str, str]:
        """The environment of a sync of ours."""
        own = {"CRM_DATABASE_URL": database_url, "CRM_HOME": str(self.folder / "home"), **ROOMY}
        for connector in discover().values():
            own.update(connector.sandbox(self.sandbox.url))
        return {**os.environ, **own}


@contextmanager
def prepared(contacts: int, persons: int, keep: Path | None) -> Iterator[Ground]:
    """Everything started; ``keep`` is a folder in which the sandbox's records stay."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-bench-")))
        given = os.environ.get("CRM_DATABASE_URL")
        server = given or _embedded(folder / "home", stack)
        records = folder / "sandbox"
        if keep is not None:
            records = keep.absolute() / f"{contacts}-{persons}"
        sizes = {"contacts": contacts, "persons": persons, "accounts": max(1, contacts // 10)}
        options = [word for name, n in sizes.items() for word in (f"--{name}", str(n))]
        begun = time.perf_counter()
        _, sandbox = stack.enter_context(sandbox_process(records, *options))
        took = time.perf_counter() - begun
        sandbox.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "daily_tokens": 100_000_000})
        yield Ground(server, sandbox, folder, took)


def _embedded(home: Path, stack: ExitStack) -> str:
    postgres = start_postgres(home, grace_seconds=2)
    stack.callback(lambda: postgres.close(stop=True))
    return postgres.url
