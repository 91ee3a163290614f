"""Sandboxes for the tests of the sandbox itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, running_sandbox

SMALL = {
    "persons": 40,
    "organizations": 12,
    "deals": 30,
    "activities": 30,
    "contacts": 5,
    "accounts": 2,
    "opportunities": 2,
}


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A small sandbox of its own, with room for a test's many requests in a row."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), **SMALL) as running:
        running.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "burst_search": 10_000})
        yield running


@pytest.fixture
def pipedrive(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client with the API token."""
    headers = {"x-api-token": TOKEN}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as client:
        yield client
