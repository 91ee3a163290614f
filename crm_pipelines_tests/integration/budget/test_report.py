"""What people see of a budget: on the command line, and at an asset in the UI."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crm_pipelines.budget.account import AccountBudget, look
from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.defs.build import build_definitions
from crm_pipelines.model.call import Call, Limits, Observation
from crm_pipelines.model.errors import DailyLimit
from crm_pipelines.model.priority import Priority
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import variables

LIMITS = Limits(daily=30_000)


@pytest.fixture
def wiring(database_url: str, tmp_path: Path) -> Any:
    found = Wiring(variables("http://127.0.0.1:1", database_url, tmp_path / "home"))
    yield found
    found.close()


def pipedrive(wiring: Wiring) -> AccountBudget:
    return next(one for one in wiring.budgets() if one.crm == "pipedrive")


def test_an_account_that_did_nothing_has_everything_left(wiring: Wiring) -> None:
    found = pipedrive(wiring)
    assert (found.spent, found.left, found.others, found.forecast) == (0, 30_000, 0, 0)
    assert found.left_for == {
        "interactive": 30_000,
        "refetch": 25_500,
        "delta": 24_000,
        "backfill": 21_000,
    }
    salesforce = next(one for one in wiring.budgets() if one.crm == "salesforce")
    assert (salesforce.limit, salesforce.ours, salesforce.rolling) == (100_000, 80_000, True)


def test_figures_are_those_of_the_ledger(wiring: Wiring, purse: Callable[..., Ledger]) -> None:
    purse(LIMITS, Priority.BACKFILL).spend(Call("GET", "/", cost=700))
    delta = purse(LIMITS, Priority.DELTA)
    delta.spend(Call("GET", "/", cost=40))
    delta.learn(Observation(remaining=29_000, daily=30_000))
    found = pipedrive(wiring)
    assert (found.spent, found.left, found.others) == (1_000, 29_000, 260)
    assert found.by_priority == {"interactive": 0, "refetch": 0, "delta": 40, "backfill": 700}
    assert [(one.stream, one.priority, one.tokens) for one in found.usage] == [
        ("persons", "backfill", 700),
        ("persons", "delta", 40),
    ]
    assert found.spent <= found.forecast <= found.ours
    before = found.left_for["backfill"]
    purse(LIMITS, Priority.BACKFILL).spend(Call("GET", "/", cost=before))
    assert pipedrive(wiring).left_for["backfill"] == 0


def test_a_rolling_quota_is_not_forgotten_at_midnight(wiring: Wiring) -> None:
    account = wiring.account("default", "salesforce")
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    mine = Ledgers(wiring.database, lambda: noon).purse(
        "default", "salesforce", "contacts", account.limits, Priority.DELTA
    )
    mine.spend(Call("GET", "/", cost=7))
    after_midnight = look(wiring.database, account, lambda: noon + timedelta(hours=13))
    assert (after_midnight.spent, after_midnight.others) == (7, 7)
    assert look(wiring.database, account, lambda: noon + timedelta(hours=25)).spent == 0


def test_trouble_is_told(wiring: Wiring, purse: Callable[..., Ledger]) -> None:
    mine = purse(LIMITS)
    mine.block(DailyLimit("shut out"))
    mine.exhaust(None)
    found = pipedrive(wiring)
    assert found.left == 0
    assert found.refused_until == found.resets_at
    assert "last: shut out" in (found.circuit or "")


def test_the_command_shows_it(
    tmp_path: Path, wiring: Wiring, database_url: str, purse: Callable[..., Ledger]
) -> None:
    purse(LIMITS, Priority.DELTA).spend(Call("GET", "/", cost=40))
    values = variables("http://127.0.0.1:1", database_url, tmp_path / "home")
    code, output, _ = run(tmp_path, values, "budget", "pipedrive", "--json")
    (found,) = json.loads(output)
    assert code == 0
    assert (found["spent"], found["left"], found["by_priority"]["delta"]) == (40, 29_960, 40)
    assert found["resets_at"].endswith("T00:00:00+00:00")
    code, output, _ = run(tmp_path, values, "budget")
    assert code == 0
    assert "40 spent of 30,000, 29,960 left" in output
    assert "salesforce" in output
    assert run(tmp_path, values, "budget", "nosuch")[0] == 2


def test_the_asset_is_observed_when_something_has_changed(
    wiring: Wiring, purse: Callable[..., Ledger]
) -> None:
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        definitions = build_definitions(wiring)
        sensor: Any = definitions.get_sensor_def("watch_budgets")
        repository = definitions.get_repository_def()

        def tick(cursor: str | None) -> Any:
            with dg.build_sensor_context(
                instance=instance, repository_def=repository, cursor=cursor
            ) as context:
                return sensor.evaluate_tick(context)

        first = tick(None)
        assert len(first.asset_events) == 2
        assert tick(first.cursor).asset_events == []
        purse(LIMITS, Priority.DELTA).spend(Call("GET", "/", cost=40))
        (event,) = tick(first.cursor).asset_events
        assert event.asset_key == dg.AssetKey(["budget", "pipedrive"])
        assert event.metadata["spent"].value == 40
        assert event.metadata["left_for_backfill"].value == 21_000
        assert "| persons | delta | 40 | 1 |" in event.metadata["by_stream"].value
