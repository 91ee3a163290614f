"""The sweep in Dagster: the job that does it, and Dagster's own runs."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster_shared.yaml_utils import load_yaml_from_path

from crm_pipelines.defs.retention import JOB, forget_runs
from crm_pipelines.home import DAGSTER_YAML
from crm_pipelines_tests.defs.dagster_runs import Runs

DONE, FAILED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    silent = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=silent) as found:
        yield found


def add(
    instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus = DONE, **tags: str
) -> str:
    run = dg.DagsterRun(job_name=job, run_id=str(uuid.uuid4()), status=status, tags=tags)
    instance.add_run(run)
    logs: Any = instance.compute_log_manager
    with logs.open_log_stream([run.run_id, "compute_logs", "step"], ComputeIOType.STDERR) as log:
        print("said", file=log)
    return run.run_id


def delta(instance: dg.DagsterInstance, day: str, status: dg.DagsterRunStatus = DONE) -> str:
    tags = {"sync": "delta", "dagster/partition": day}
    return add(instance, "sync_pipedrive", status, **tags)


def left(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_runs_of_work_go_and_windows_stay_shown(instance: dg.DagsterInstance) -> None:
    before = datetime.now(UTC) + timedelta(days=1)
    for status in (DONE, FAILED, dg.DagsterRunStatus.CANCELED):
        add(instance, "apply_webhooks", status)
        delta(instance, "2026-01-01", status)
    kept = {
        delta(instance, "2026-01-01"),
        delta(instance, "2026-01-02"),
        add(instance, "apply_webhooks", dg.DagsterRunStatus.STARTED),
        add(instance, "sync_pipedrive", sync="sweep"),
        add(instance, "sync_pipedrive"),
    }
    delta(instance, "2026-01-02", FAILED)
    folder = Path(instance.root_directory) / "storage"
    assert forget_runs(instance, before - timedelta(days=2), ["apply_webhooks"]) == 0
    assert forget_runs(instance, before, ["apply_webhooks"]) == 7
    assert left(instance) == kept == {path.name for path in folder.iterdir()}


def test_the_job_takes_what_is_older_than_the_setting(runs: Runs) -> None:
    runs.values["CRM_KEEP_DAYS"] = "30"
    ran = runs.whole(JOB)
    assert ran.is_success
    [log] = runs.instance.all_logs(ran.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    assert log.dagster_event is not None
    told = log.dagster_event.event_specific_data.metadata  # type: ignore[union-attr]
    assert told["kept_days"].value == 30
    assert {name: one.value for name, one in told.items() if name != "kept_days"} == {
        "conflicts": 0,
        "commands": 0,
        "deliveries": 0,
        "runs": 0,
        "actions": 0,
        "dagster_runs": 0,
    }


def test_turns_of_schedules_and_sensors_are_forgotten(tmp_path: Path) -> None:
    """Dagster takes these words, and none of its defaults that mean for ever is left."""
    from dagster._core.definitions.run_request import InstigatorType

    said: Any = load_yaml_from_path(str(DAGSTER_YAML))
    overrides = {
        "retention": said["retention"],
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as found:
        for kind in (InstigatorType.SCHEDULE, InstigatorType.SENSOR):
            assert min(found.get_tick_retention_settings(kind).values()) > 0
