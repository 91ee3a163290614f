"""Ground for tests of stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from crm_pipelines_tests.integration.stages.staging import Staging
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def staging(environment: dict[str, str], sandbox: Sandbox) -> Iterator[Callable[..., Staging]]:
    """Makes them with some variables changed."""
    made: list[Staging] = []

    def make(workspace: str = "default", **changes: str) -> Staging:
        made.append(Staging({**environment, **changes}, sandbox, workspace))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world(staging: Callable[..., Staging]) -> Staging:
    """One of them, synced."""
    one = staging()
    one.sync()
    return one
