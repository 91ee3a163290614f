"""What random histories found wrong once, each told as shortly as it can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS = "pipedrive.persons"
DEALS, ARCHIVED = "pipedrive.deals", "pipedrive.archived_deals"


def test_a_run_that_pauses_while_it_looks_up_who_is_gone_is_free_for_others(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    """The process that paused still lives; another one executes the run again."""
    paused, other = mirroring(), mirroring()
    paused(PERSONS)
    gone = next(iter(paused.rows(PERSONS)))
    sandbox.admin("DELETE", f"/pipedrive/records/persons/{gone}")
    spent = sandbox.admin("GET", "/pipedrive/usage")["tokens"]
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": spent + 10, "token_headers": 0})
    with pytest.raises(BudgetSpent):
        paused.fetch(PERSONS, mode=Mode.FULL, key="paused")
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 30_000})
    other.query("DELETE FROM sync.budgets")
    outcome = other(PERSONS, mode=Mode.FULL, key="paused")
    assert (outcome.deleted, other.notes["resumed"]) == (1, True)
    assert differences(sandbox, other, PERSONS) == {}


def test_of_two_streams_in_one_table_the_later_fetch_wins_a_tie(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    """A deal leaves the archive within the second in which it got there."""
    slow, quick = mirroring(), mirroring()
    for name in (DEALS, ARCHIVED):
        slow(name)
    deal = next(iter(slow.rows(DEALS)))
    path = f"/pipedrive/records/deals/{deal}"
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sandbox.admin("PATCH", path, {"is_archived": True, "update_time": at})
    archived = slow.fetch(ARCHIVED)
    sandbox.admin("PATCH", path, {"is_archived": False, "update_time": at})
    assert quick(DEALS).updated == 1
    slow.finish(ARCHIVED, archived)
    assert slow.rows(DEALS)[deal]["is_archived"] is False
    assert differences(sandbox, quick, DEALS) == {}


def test_a_deal_that_is_deleted_in_the_archive_is_told_by_a_delta(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    for name in (DEALS, ARCHIVED):
        mirror(name)
    one, other = list(mirror.rows(DEALS, where="NOT is_archived"))[:2]
    for deal in (one, other):
        sandbox.admin("PATCH", f"/pipedrive/records/deals/{deal}", {"is_archived": True})
    mirror(ARCHIVED)
    for deal in (one, other):
        sandbox.admin("DELETE", f"/pipedrive/records/deals/{deal}")
    outcome = mirror(ARCHIVED)
    assert outcome.deleted == 2
    for name in (DEALS, ARCHIVED):
        assert differences(sandbox, mirror, name) == {}
