"""Many processes on one account: what they spend, who goes first, and what a killed one leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crm_pipelines.budget.ledger import Ledger
from crm_pipelines.model.call import Limits
from crm_pipelines.model.priority import Priority
from crm_pipelines.store.database import Database
from crm_pipelines_tests.integration.budget.conftest import get
from crm_pipelines_tests.integration.budget.worker import working
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox

BURST = 20


@pytest.fixture
def narrow(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Variables of an account whose burst limit is in force."""
    sandbox.admin("PATCH", "/pipedrive/limits", {"burst": BURST})
    return variables(sandbox.url, database_url, tmp_path / "home", PIPEDRIVE_BURST_LIMIT=str(BURST))


def test_eight_processes_stay_within_the_limits(
    sandbox: Sandbox, narrow: dict[str, str], database: Database
) -> None:
    with working(8, narrow, "pipedrive.persons", page=3) as workers:
        for worker in workers:
            worker.begin()
        found = [worker.outcome() for worker in workers]
    assert found == [{"rows": 30, "calls": 10}] * 8
    assert [call for call in sandbox.journal() if call["status"] != 200] == []
    usage = sandbox.admin("GET", "/pipedrive/usage")
    ledger = database.run_text("SELECT spent, by_priority FROM sync.budgets")
    assert [row["spent"] for row in ledger] == [usage["tokens"]] == [800]
    assert usage["requests"] == 80
    assert database.run_text("SELECT 1 FROM sync.turns") == []


def test_a_killed_process_holds_up_nobody(
    sandbox: Sandbox, narrow: dict[str, str], database: Database
) -> None:
    with working(4, narrow, "pipedrive.persons", page=3) as (victim, *others):
        for worker in (victim, *others):
            worker.begin()
        while victim.hear() != {"page": 4}:
            pass
        victim.process.kill()
        assert [worker.outcome() for worker in others] == [{"rows": 30, "calls": 10}] * 3
    spent = database.run_text("SELECT spent FROM sync.budgets")[0]["spent"]
    usage = sandbox.admin("GET", "/pipedrive/usage")
    assert usage["refused"] == 0
    assert 0 <= spent - usage["tokens"] <= 10  # the call that was paid when it was killed


def test_interactive_calls_overtake_a_backfill(
    purse: Callable[..., Ledger], database: Database
) -> None:
    limits = Limits(daily=100_000, bursts={"general": (5, 0.5)})
    stop = threading.Event()
    order: list[str] = []

    def backfill() -> None:
        mine = purse(limits, Priority.BACKFILL)
        while not stop.is_set():
            mine.spend(get())
            order.append("backfill")

    threads = [threading.Thread(target=backfill) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not database.run_text("SELECT 1 FROM sync.turns OFFSET 2"):
        pass
    person = purse(limits, Priority.INTERACTIVE)
    between = []
    for _ in range(10):
        before = len(order)
        person.spend(get())
        between.append(len(order) - before)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(between)[-2] <= limits.bursts["general"][0]  # never a whole window later
