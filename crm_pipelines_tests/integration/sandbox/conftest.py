"""Sandboxes for the tests of the sandbox itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.salesforce_org import Org, logged_in
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, running_sandbox

SMALL: dict[str, Any] = {
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


@pytest.fixture
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """A logged-in caller of a Salesforce with some hundred contacts of its own."""
    sizes: dict[str, Any] = {**dict.fromkeys(SMALL, 1), "contacts": 300, "accounts": 20}
    with (
        running_sandbox(tmp_path_factory.mktemp("org"), **sizes) as running,
        logged_in(running) as caller,
    ):
        yield caller
