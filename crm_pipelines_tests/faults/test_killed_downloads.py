"""Downloads side by side, ranges and plain queries: killed with -9, out of room, executed again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from crm_pipelines_tests.faults.runs import execute, running
from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

CONTACTS, KEY = "salesforce.contacts", "root"
FULL: dict[str, Any] = {"mode": "full"}
WAYS = {
    "side by side": {"SALESFORCE_BULK_ROWS": "0", "SALESFORCE_PAGE_ROWS": "5"},
    "ranges": {"SALESFORCE_BULK_ROWS": "9", "SALESFORCE_SPLIT_ROWS": "9"},
    "plain query": {},
}
LISTS = ("/results", "/query/01g")
PAGES = {"side by side": 10, "ranges": 12, "plain query": 9}
"""Pages that a run takes which nobody kills, without the first one of a plain query."""

UNDER_WAY = {"side by side": 3, "ranges": 3, "plain query": 1}
"""Pages that may be lost with a worker."""


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(sandbox: Sandbox, database_url: str, tmp_path: Any, way: str) -> dict[str, str]:
    """Ten pages of three, and changes of three weeks."""
    limits = {"bulk_page_rows": 3, "rest_page_rows": 3}
    sandbox.admin("PATCH", "/salesforce/limits", limits)
    for number, record in enumerate(sandbox.truth("salesforce", "Contact", deleted=True)):
        stamp = {"SystemModstamp": f"2024-01-{number % 21 + 1:02}T10:00:00.000Z"}
        sandbox.admin("PATCH", f"/salesforce/records/Contact/{record['Id']}", stamp)
    return variables(sandbox.url, database_url, tmp_path / "home", **WAYS[way])


def pages(sandbox: Sandbox) -> Counter[str]:
    """How often each page was answered."""
    return Counter(
        f"{entry['path']}?{entry['query']}"
        for entry in sandbox.journal()
        if entry["status"] == 200
        and (entry["path"].endswith(LISTS[0]) or LISTS[1] in entry["path"])
    )


def is_right(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror(CONTACTS, dry_run=True)
    assert differences(sandbox, mirror, CONTACTS) == {}
    assert mirror.query("SELECT key FROM sync.checkpoints") == []


def test_killed_between_two_pages(sandbox: Sandbox, mirror: Mirroring, way: str) -> None:
    with running(mirror.values, CONTACTS, KEY, "killed", hold="fetch:5", **FULL) as run:
        run.await_words("held fetch")
        run.kill()
    outcome = execute(mirror.values, CONTACTS, KEY, "again", **FULL)
    assert outcome["created"] == 30
    assert outcome["resumed"]
    assert pages(sandbox).total() <= PAGES[way] + UNDER_WAY[way]
    is_right(sandbox, mirror)


def test_no_room_for_chunks(sandbox: Sandbox, mirror: Mirroring) -> None:
    refused = execute(mirror.values, CONTACTS, KEY, "first", file_blocks=2, **FULL)
    assert refused["error"] == "SystemTrouble"
    assert "CRM_STAGING_URI" in refused["words"]
    assert mirror.watermark(CONTACTS) is None
    assert execute(mirror.values, CONTACTS, KEY, "again", **FULL)["created"] == 30
    is_right(sandbox, mirror)
