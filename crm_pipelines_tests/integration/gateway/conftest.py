"""The gateway as a process of its own, and callers with keys."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from crm_pipelines.model.access import Scope
from crm_pipelines.store import api_keys
from crm_pipelines.store.database import Database
from crm_pipelines_tests.commands import COMMAND, environment
from crm_pipelines_tests.conftest import start_sandbox
from crm_pipelines_tests.consent import app_variables
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox, plain_client
from crm_pipelines_tests.servers import Databases


@dataclass
class Standing:
    """A gateway that several tests share, with what it stands on."""

    sandbox: Sandbox
    database_url: str
    values: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def app() -> bool:
    """Whether Pipedrive is reached as an app that people grant access to."""
    return False


@pytest.fixture(scope="module")
def standing(
    filled_home: Path, databases: Databases, tmp_path_factory: pytest.TempPathFactory, app: bool
) -> Iterator[Standing]:
    folder = tmp_path_factory.mktemp("gateway")
    with ExitStack() as stack:
        url = stack.enter_context(databases.clone())
        sandbox = start_sandbox(filled_home, folder / "sandbox", stack)
        values = variables(sandbox.url, url, folder / "home")
        values |= {"CRM_GATEWAY_PORT": str(free_port()), "CRM_GATEWAY_CALLS_PER_MINUTE": "100000"}
        values |= app_variables(sandbox.url) if app else {}
        stack.enter_context(gateway_process(values, folder))
        yield Standing(sandbox, url, values, folder)


@pytest.fixture
def sandbox(standing: Standing) -> Iterator[Sandbox]:
    yield standing.sandbox
    standing.sandbox.admin("DELETE", "/faults")


@pytest.fixture
def database_url(standing: Standing) -> str:
    return standing.database_url


@pytest.fixture
def values(standing: Standing) -> dict[str, str]:
    return standing.values


@contextmanager
def gateway_process(values: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway that answers; ended when the block is left."""
    log = (folder / "gateway.log").open("ab")
    with (
        log,
        subprocess.Popen(
            [*COMMAND, "gateway"],
            cwd=folder,
            env=environment(values),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            _await(f"http://127.0.0.1:{values['CRM_GATEWAY_PORT']}", process)
            yield process
        finally:
            process.terminate()


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    with plain_client(base_url=address, timeout=30) as client:
        for _ in range(600):
            assert process.poll() is None
            try:
                client.get("/health")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError("the gateway does not answer")


@pytest.fixture
def browser(values: dict[str, str]) -> Iterator[httpx.Client]:
    """A browser that looks at the gateway; it has no key."""
    address = f"http://127.0.0.1:{values['CRM_GATEWAY_PORT']}"
    with plain_client(base_url=address, timeout=30) as client:
        yield client


@dataclass
class Local:
    """The local side, as any program writes to it."""

    url: str

    def run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """One statement, committed."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def local(database_url: str) -> Local:
    return Local(database_url)


def make_key(database_url: str, *scopes: Scope, workspace: str = "default") -> str:
    """A key for the gateway."""
    database = Database(database_url)
    with database.transaction() as connection:
        _, key = api_keys.add(connection, workspace, "test", scopes)
    database.close()
    return key


def signed(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def caller(browser: httpx.Client, database_url: str) -> httpx.Client:
    """Somebody who may read and write."""
    browser.headers.update(signed(make_key(database_url, Scope.READ, Scope.WRITE)))
    return browser
