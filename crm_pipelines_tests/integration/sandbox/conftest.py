"""Sandboxes for the tests of the sandbox itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.salesforce_org import Org, running_org
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client, running_sandbox

SMALL: dict[str, Any] = {
    "persons": 40,
    "organizations": 12,
    "deals": 30,
    "activities": 30,
    "contacts": 5,
    "accounts": 2,
    "opportunities": 2,
}


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a small sandbox that nobody has used yet."""
    home = tmp_path_factory.mktemp("filled")
    with running_sandbox(home, **SMALL):
        return home


@pytest.fixture
def sandbox(filled_home: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A small sandbox of its own, with room for a test's many requests in a row."""
    home = tmp_path / "sandbox"
    shutil.copytree(filled_home, home)
    with running_sandbox(home, **SMALL) as running:
        running.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "burst_search": 10_000})
        yield running


@pytest.fixture
def pipedrive(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client with the API token."""
    headers = {"x-api-token": TOKEN}
    with plain_client(base_url=sandbox.url, headers=headers) as client:
        yield client


@pytest.fixture(scope="session")
def filled_org(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a Salesforce with some hundred contacts, to be copied."""
    home = tmp_path_factory.mktemp("org")
    with running_org(home):
        return home


@pytest.fixture
def org(filled_org: Path, tmp_path: Path) -> Iterator[Org]:
    """A logged-in caller of a Salesforce of its own."""
    with running_org(shutil.copytree(filled_org, tmp_path / "org")) as caller:
        yield caller


@pytest.fixture(scope="module")
def shared_org(filled_org: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """Like ``org``, for tests that change nothing."""
    with running_org(shutil.copytree(filled_org, tmp_path_factory.mktemp("org") / "a")) as caller:
        yield caller
