"""PostgreSQL servers to test on, and databases that are clones of a migrated one."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from crm_pipelines.local import start_postgres
from crm_pipelines.local.layout import DATA, VERSION
from crm_pipelines.local.program import STATE, read_record
from crm_pipelines.store.database import Database
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests.passing import passing_folder

CARELESS = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
"""What is written need not outlast a crash of the machine."""

INSTALLED = Path("/usr/lib/postgresql")
OLDEST = 15


class Databases:
    """Databases of one server; ``url`` names one that is there, by a role that may make others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._template = f"template_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {}", self._template)
        database = Database(self.url_of(self._template))
        try:
            migrate(database)
        finally:
            database.close()

    @contextmanager
    def clone(self) -> Iterator[str]:
        """The URL of a migrated database of one's own, which is dropped afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        try:
            yield self.url_of(name)
        finally:
            self.drop(name)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Like ``clone``, without the migrations."""
        name = f"empty_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {} TEMPLATE template0", name)
        try:
            yield self.url_of(name)
        finally:
            self.drop(name)

    def close(self) -> None:
        """Drop the template."""
        self.drop(self._template)
        self._connection.close()

    def drop(self, name: str) -> None:
        """Also if somebody is connected still."""
        for _ in range(50):
            try:
                return self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            except psycopg.errors.InsufficientPrivilege:  # autovacuum is in there, not for long
                time.sleep(0.1)
        return self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def url_of(self, name: str) -> str:
        """The URL of another database of the server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def _run(self, statement: LiteralString, *names: str) -> None:
        quoted = [sql.Identifier(name) for name in names]
        self._connection.execute(sql.SQL(statement).format(*quoted))


@contextmanager
def passing_server() -> Iterator[str]:
    """The URL of ``CRM_TEST_DATABASE_URL``, or of the PostgreSQL that the product brings."""
    given = os.environ.get("CRM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with passing_folder() as home:
        postgres = start_postgres(home, grace_seconds=2)
        try:
            folder = home / "postgres"
            with (folder / DATA / VERSION / "postgresql.conf").open("a") as settings:
                settings.write(CARELESS)
            os.kill((read_record(folder / STATE) or {})["pid"], signal.SIGHUP)
            yield postgres.url
        finally:
            postgres.close(stop=True)


def oldest_installed() -> Path | None:
    """The binaries of the oldest PostgreSQL on this machine that we support."""
    versions = sorted(int(path.name) for path in INSTALLED.glob("[0-9]*") if path.name.isdigit())
    found = (INSTALLED / str(version) / "bin" for version in versions if version >= OLDEST)
    return next((path for path in found if (path / "initdb").exists()), None)


@contextmanager
def installed_server(binaries: Path) -> Iterator[str]:
    """The URL of a server of our own from installed binaries; root runs it as nobody."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    user = account.pw_uid if account else None
    with passing_folder() as folder:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, port = folder / "data", _free_port()
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(folder)}
        initdb = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-N",
        ]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        server = [binaries / "postgres", "-D", data, *options.split()]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        subprocess.run(initdb, check=True, user=user, env=environment, **quiet)  # type: ignore[call-overload]
        with subprocess.Popen(server, user=user, env=environment, **quiet) as process:  # type: ignore[call-overload]
            try:
                url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
                _await_server(url)
                yield url
            finally:
                process.terminate()


def _await_server(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
