"""Ground for tests of the push."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from crm_pipelines_tests.integration.push.pushing import Pushing
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def pushing(environment: dict[str, str], sandbox: Sandbox) -> Iterator[Callable[..., Pushing]]:
    """Makes pushes with some variables changed."""
    made: list[Pushing] = []

    def make(**changes: str) -> Pushing:
        made.append(Pushing({**environment, **changes}, sandbox))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def push(pushing: Callable[..., Pushing]) -> Pushing:
    """One of them."""
    return pushing()
