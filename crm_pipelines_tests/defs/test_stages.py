"""Stages in Dagster: syncs of deals are followed up, and a past that paused goes on by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.integration.stages.staging import Staging
from crm_pipelines_tests.sandbox_process import Sandbox


class Stage:
    """A code location whose budget follows the sandbox's clock."""

    def __init__(self, staging: Staging, instance: dg.DagsterInstance) -> None:
        self.staging, self.instance = staging, instance
        self.wiring = staging.mirror.wiring
        with _quiet():
            self.definitions = build_definitions(self.wiring)
        self.cursors: dict[str, str | None] = {}

    def ask(self, name: str) -> list[dg.RunRequest]:
        """What a sensor asks for."""
        with (
            _quiet(),
            dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(name),
                repository_def=self.definitions.get_repository_def(),
            ) as context,
        ):
            sensor: Any = self.definitions.get_sensor_def(name)
            data = sensor.evaluate_tick(context)
            self.cursors[name] = data.cursor
            return list(data.run_requests or [])

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        with _quiet():
            found = self.definitions.resolve_job_def(job)
            return found.execute_in_process(instance=self.instance)


def _quiet() -> Any:
    return warnings.catch_warnings(action="ignore")


@pytest.fixture
def stage(environment: dict[str, str], sandbox: Sandbox, runs: Runs) -> Iterator[Stage]:
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 500})
    sandbox.admin("POST", "/clock", {"now": "2026-12-01T12:00:00+00:00"})
    staging = Staging({**environment, "PIPEDRIVE_DAILY_TOKENS": "500"}, sandbox)
    staging.follow_clock()
    yield Stage(staging, runs.instance)
    staging.close()


def test_syncs_are_followed_up_and_the_past_goes_on_after_the_reset(stage: Stage) -> None:
    staging = stage.staging
    assert stage.ask("stage_changes") == []
    staging.sync()
    assert len(stage.ask("stage_changes")) == 1
    assert stage.run("stage_history").success
    assert len(staging.query("SELECT deal_id FROM sync.stage_history")) == 24
    assert stage.ask("stage_changes") == []
    _require_actions_in_the_run(stage)
    _require_the_past_goes_on(stage)


def _require_actions_in_the_run(stage: Stage) -> None:
    staging = stage.staging
    deal = staging.linked_deals()[0]
    staging.contact(deal)
    staging.map(5, "update_lead_score", probability=60)
    staging.note(staging.transition(deal, 5, 1, changed_at=staging.now() + timedelta(days=30)))
    [request] = stage.ask("stage_changes")
    assert request.tags["stages/due_actions"] == "1"
    result = stage.run("stage_history")
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["actions_done"].value == 1
    assert metadata["actions_done_in_all"].value == 1


def _require_the_past_goes_on(stage: Stage) -> None:
    staging = stage.staging
    assert stage.ask("resume_stage_past") == []
    assert stage.run("stage_past").success
    left = staging.query("SELECT deal_id FROM sync.deal_pasts WHERE status = 'unread'")
    assert 0 < len(left) < 24
    assert stage.ask("resume_stage_past") == []
    while staging.query("SELECT key FROM sync.pauses WHERE stream = 'stage_history'"):
        now = datetime.fromisoformat(staging.sandbox.admin("GET", "/clock")["now"])
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=1)
        staging.sandbox.admin("POST", "/clock", {"now": tomorrow.isoformat()})
        assert len(stage.ask("resume_stage_past")) == 1
        assert stage.run("stage_past").success
    assert staging.query("SELECT deal_id FROM sync.deal_pasts WHERE status = 'unread'") == []


def test_nothing_of_it_where_no_deals_have_logs() -> None:
    values = {"SALESFORCE_INSTANCE_URL": "http://127.0.0.1:1", "SALESFORCE_ACCESS_TOKEN": "x"}
    with _quiet():
        keys = build_definitions(Wiring(values)).resolve_all_asset_keys()
    assert not [key for key in keys if key.path[0] == "stages"]
