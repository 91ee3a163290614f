"""Ten thousand persons: what their first sync costs, and that all of them are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox, running_sandbox
from crm_pipelines_tests.truths import differences

PERSONS = "pipedrive.persons"
MANY = 10_000
SIZES: dict[str, Any] = {
    "persons": MANY,
    "organizations": 200,
    "deals": 10,
    "activities": 10,
    "contacts": 1,
    "accounts": 1,
    "opportunities": 1,
}


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Sandbox]:
    """A company of that size, with the plan's usual limits."""
    with running_sandbox(tmp_path / "sandbox", **SIZES) as running:
        yield running


def test_ten_thousand_persons_cost_two_hundred_tokens(
    crowd: Sandbox, database_url: str, tmp_path: Path
) -> None:
    """Twenty pages of 500 at 10 tokens each; and the CRM counts what we count."""
    mirror = Mirroring(variables(crowd.url, database_url, tmp_path / "home"))
    try:
        outcome = mirror(PERSONS)
        assert (outcome.created, outcome.rejected) == (MANY, 0)
        assert (outcome.api_calls, outcome.tokens) == (20, 200)
        spent = [entry["cost"] for entry in crowd.journal()]
        assert sum(spent) == 200
        assert differences(crowd, mirror, PERSONS) == {}
        delta = mirror(PERSONS)
        assert (delta.fetched, delta.api_calls) == (0, 1)
    finally:
        mirror.close()
