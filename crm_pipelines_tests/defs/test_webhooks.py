"""Webhooks looked after by Dagster: a job that mends, and syncs that close what was missed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.defs.webhooks import GAP
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.receiver import receiving
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def wiring(runs: Runs) -> Iterator[Wiring]:
    with receiving() as receiver:
        runs.values["CRM_PUBLIC_URL"] = f"http://127.0.0.1:{receiver.port}"
        found = Wiring(runs.values)
        yield found
        found.close()


def repository(wiring: Wiring) -> dg.RepositoryDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_definitions(wiring).get_repository_def()


def tick(wiring: Wiring, runs: Runs) -> Any:
    """One turn of the schedule."""
    schedule = repository(wiring).get_schedule_def("check_webhooks")
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    with dg.build_schedule_context(runs.instance, now) as context:
        return schedule.evaluate_tick(context)


def follow(wiring: Wiring, runs: Runs, run: dg.DagsterRun) -> list[dg.RunRequest]:
    """What the sensor asks for after a check."""
    sensor: Any = repository(wiring).get_sensor_def("close_webhook_gaps")
    event = runs.instance.get_records_for_run(run.run_id).records[-1].event_log_entry.dagster_event
    assert event is not None
    with dg.build_run_status_sensor_context(
        sensor_name="close_webhook_gaps",
        dagster_instance=runs.instance,
        dagster_run=run,
        dagster_event=event,
    ) as context:
        found = list(sensor(context))
    return [one for one in found if isinstance(one, dg.RunRequest)]


def test_a_deleted_webhook_is_made_anew_and_its_gap_synced(
    runs: Runs, wiring: Wiring, sandbox: Sandbox
) -> None:
    assert tick(wiring, runs).run_requests == []
    webhooks = wiring.webhooks("default")
    webhooks.register()
    assert len(tick(wiring, runs).run_requests) == 1
    ours = {
        hook["event_object"]: hook["id"] for hook in sandbox.admin("GET", "/pipedrive/webhooks")
    }
    for name in ("person", "deal"):
        sandbox.admin("DELETE", f"/pipedrive/webhooks/{ours[name]}")
    checked = runs.whole("check_webhooks")
    assert checked.is_success
    wanted = {
        "incremental": ["pipedrive/deals", "pipedrive/archived_deals"],
        "full": ["pipedrive/persons"],
    }
    assert json.loads(checked.tags[GAP]) == wanted
    assert len(sandbox.admin("GET", "/pipedrive/webhooks")) == len(ours)
    requests = follow(wiring, runs, checked)
    assert {
        request.run_config["resources"]["options"]["config"]["mode"]: [
            key.to_user_string() for key in request.asset_selection or ()
        ]
        for request in requests
    } == wanted
    for mode, keys in wanted.items():
        done = runs(*(key.replace("/", ".") for key in keys), window="2026-11-21", mode=mode)
        assert done.is_success
    again = runs.whole("check_webhooks")
    assert GAP not in again.tags and follow(wiring, runs, again) == []


def test_a_wrong_login_fails_the_run_in_words(runs: Runs, wiring: Wiring, sandbox: Sandbox) -> None:
    wiring.webhooks("default").register()
    sandbox.admin("PATCH", "/pipedrive/credentials", {"api_token": "another"})
    failed = runs.whole("check_webhooks")
    assert not failed.is_success
    assert "PIPEDRIVE_API_TOKEN" in runs.failure(failed)
