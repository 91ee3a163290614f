"""A backfill larger than the day's budget: paused, gone on with by itself, nothing paid twice."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.defs.resume import PAUSED, ROOT
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.sandbox_process import Sandbox

PERSONS = "pipedrive.persons"
PAGES, COST = 30, 10
BUDGET = PAGES * COST // 5


class Days:
    """Dagster, whose budget follows the sandbox's clock."""

    def __init__(self, sandbox: Sandbox, runs: Runs, values: dict[str, str]) -> None:
        self.sandbox, self.runs = sandbox, runs
        self.wiring = Wiring(values, clock=self.now)
        Runs._wirings[runs._name] = self.wiring
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            definitions = build_definitions(self.wiring)
            self.sensor: Any = definitions.get_sensor_def("resume_paused_syncs")
            self.repository = definitions.get_repository_def()

    def now(self) -> datetime:
        return datetime.fromisoformat(self.sandbox.admin("GET", "/clock")["now"])

    def sleep_until_tomorrow(self) -> None:
        tomorrow = (self.now() + timedelta(days=1)).replace(hour=0, minute=1)
        self.sandbox.admin("POST", "/clock", {"now": tomorrow.isoformat()})

    def wake(self) -> list[dg.RunRequest]:
        """What the sensor asks for."""
        with (
            warnings.catch_warnings(),
            dg.build_sensor_context(
                instance=self.runs.instance, repository_def=self.repository
            ) as context,
        ):
            warnings.simplefilter("ignore")
            return list(self.sensor.evaluate_tick(context).run_requests or [])

    def obey(self, request: dg.RunRequest) -> dg.DagsterRun:
        """What the daemon does with it."""
        assert request.asset_selection is not None
        names = [".".join(key.path) for key in request.asset_selection]
        options = request.run_config["resources"]["options"]["config"]
        run = self.runs.prepare(*names, **options)
        self.runs.instance.add_run_tags(run.run_id, dict(request.tags))
        found = self.runs.instance.get_run_by_id(run.run_id)
        assert found is not None
        return self.runs.execute(found)

    def pages(self) -> list[str]:
        """Which pages were asked for and given, in order."""
        return [
            call["query"]
            for call in self.sandbox.journal()
            if call["path"].endswith("/persons") and call["status"] == 200
        ]


@pytest.fixture
def days(
    sandbox: Sandbox, runs: Runs, environment: dict[str, str], database_url: str
) -> Iterator[Days]:
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": BUDGET})
    sandbox.admin("POST", "/clock", {"now": "2026-12-01T12:00:00+00:00"})
    runs.values["PIPEDRIVE_DAILY_TOKENS"] = str(BUDGET)
    yield Days(sandbox, runs, runs.values)


@pytest.fixture
def runs(environment: dict[str, str], tmp_path: Path) -> Iterator[Runs]:
    folder = tmp_path / "dagster"
    folder.mkdir()
    one = Runs(folder, environment)
    yield one
    one.close()


@pytest.mark.long
def test_a_backfill_of_many_days_finishes_by_itself(days: Days) -> None:
    first = run = days.runs(PERSONS, mode="full", batch_size=1)
    number = 1
    while not run.is_success:
        assert run.tags[PAUSED].startswith(f"{days.now() + timedelta(days=1):%Y-%m-%d}T00:00")
        assert days.wake() == []
        days.sleep_until_tomorrow()
        (request,) = days.wake()
        assert request.tags[ROOT] == first.run_id
        assert request.run_key == f"{run.run_id}/pipedrive"
        run = days.obey(request)
        number += 1
        assert number <= PAGES
    assert days.wake() == []
    pages = days.pages()
    assert len(pages) == len(set(pages)) == PAGES
    assert number >= 5
    assert [call["status"] for call in days.sandbox.journal()] == [200] * PAGES
    database = days.wiring.database
    spent = database.run_text("SELECT sum(spent)::int AS n, max(spent) AS most FROM sync.budgets")
    assert [(row["n"], row["most"] <= BUDGET) for row in spent] == [(PAGES * COST, True)]
    counted = database.run_text("SELECT count(*)::int AS n FROM pipedrive.persons")
    assert counted[0]["n"] == len(days.sandbox.truth("pipedrive", "persons"))
    lines = database.run_text("SELECT status, error FROM sync.runs ORDER BY id")
    assert [line["status"] for line in lines] == ["paused"] * (number - 1) + ["success"]
    assert "goes on at 2026-12-02 00:00 UTC" in lines[0]["error"]


def test_days_of_delta_are_counted_from_the_day_they_were_asked_for(days: Days) -> None:
    days.runs(PERSONS, incremental_days=3650, mode="incremental", batch_size=1)
    asked = {query.partition("updated_since=")[2].partition("&")[0] for query in days.pages()}
    days.sleep_until_tomorrow()
    days.obey(days.wake()[0])
    again = {query.partition("updated_since=")[2].partition("&")[0] for query in days.pages()}
    assert asked == again != {""}


def test_what_somebody_else_brought_home_is_not_gone_on_with(days: Days) -> None:
    days.runs(PERSONS, mode="full", batch_size=1)
    days.sleep_until_tomorrow()
    assert len(days.wake()) == 1
    assert days.runs(PERSONS, mode="full").is_success
    assert days.wake() == []
