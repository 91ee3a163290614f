"""Ground for tests of both sides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_pipelines_tests.integration.two_way.sides import Sides, two_sides
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def sides(environment: dict[str, str], sandbox: Sandbox) -> Iterator[Sides]:
    """Both of them."""
    with two_sides(environment, sandbox) as found:
        yield found
