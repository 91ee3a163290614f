"""Writers of the sandbox's Salesforce."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_pipelines.budget.ledger import Clock, database_clock
from crm_pipelines_tests.integration.ingest.writers import Writer
from crm_pipelines_tests.salesforce_org import Org, logged_in
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def writers(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Writer]]:
    """Makes writers with some variables changed, all of one folder."""
    made: list[Writer] = []

    def make(clock: Clock = database_clock, **changes: str) -> Writer:
        made.append(Writer({**environment, **changes}, tmp_path / "writing", clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def write(writers: Callable[..., Writer]) -> Writer:
    """A writer with the settings that people have."""
    return writers()


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[Org]:
    """Somebody else who is logged in to the same org."""
    with logged_in(sandbox) as caller:
        yield caller
