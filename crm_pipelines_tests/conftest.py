"""What most tests stand on: a PostgreSQL, a database and a sandbox each, and flows between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox, running_sandbox
from crm_pipelines_tests.servers import Databases, passing_server

SIZES: dict[str, Any] = {
    "persons": 30,
    "organizations": 10,
    "deals": 24,
    "activities": 20,
    "contacts": 30,
    "accounts": 8,
    "opportunities": 8,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first: at the end nobody waits for one of them alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server that tests use unless they say otherwise."""
    with passing_server() as url:
        found = Databases(url)
        yield found
        found.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A migrated database of the test's own."""
    with databases.clone() as url:
        yield url


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a sandbox that was filled once, to be copied."""
    home = tmp_path_factory.mktemp("filled") / "sandbox"
    with running_sandbox(home, **SIZES):
        return home


def start_sandbox(filled: Path, home: Path, stack: ExitStack) -> Sandbox:
    """A small sandbox that does not mind many requests in a row."""
    shutil.copytree(filled, home)
    running = stack.enter_context(running_sandbox(home, **SIZES))
    running.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "burst_search": 10_000})
    return running


@pytest.fixture
def sandbox(filled_home: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own."""
    with ExitStack() as stack:
        yield start_sandbox(filled_home, tmp_path / "sandbox", stack)


@pytest.fixture
def environment(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Variables that point every connector at the sandbox."""
    return variables(sandbox.url, database_url, tmp_path / "home")


@pytest.fixture
def mirroring(environment: dict[str, str]) -> Iterator[Callable[..., Mirroring]]:
    """Makes flows with some variables changed; for tests that need more than one."""
    made: list[Mirroring] = []

    def make(**changes: str) -> Mirroring:
        made.append(Mirroring({**environment, **changes}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def mirror(mirroring: Callable[..., Mirroring]) -> Mirroring:
    """Flows of the sandbox's streams: ``mirror("pipedrive.persons", mode=Mode.FULL)``."""
    return mirroring()
