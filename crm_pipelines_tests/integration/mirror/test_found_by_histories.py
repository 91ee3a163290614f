"""What random histories found wrong once, each told as shortly as it can be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS = "pipedrive.persons"


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
