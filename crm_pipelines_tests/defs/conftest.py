"""Dagster runs for tests that need them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_pipelines_tests.defs.dagster_runs import Runs


@pytest.fixture
def runs(environment: dict[str, str], tmp_path: Path) -> Iterator[Runs]:
    """Runs against the test's own sandbox and database."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    one = Runs(folder, environment)
    yield one
    one.close()
