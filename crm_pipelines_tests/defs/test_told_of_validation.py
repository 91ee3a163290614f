"""What the UI is told: figures, warnings, rejections by reason, changed rows, log lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType

from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

PERSONS = "pipedrive.persons"


def told(runs: Runs, run: dg.DagsterRun) -> dict[str, Any]:
    """The materialization's metadata."""
    logs = runs.instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    made = logs[0].asset_materialization
    assert made is not None
    return {name: value.value for name, value in made.metadata.items()}


def lines(runs: Runs, run: dg.DagsterRun) -> list[str]:
    found = runs.instance.all_logs(run.run_id)
    return [line.user_message for line in found if line.dagster_event is None]


@pytest.fixture(params=["lenient", f"{PERSONS}=strict"])
def validating(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Any:
    (tmp_path / "dagster").mkdir()
    one = Runs(tmp_path / "dagster", {**environment, "CRM_VALIDATION": request.param})
    yield one, request.param != "lenient"
    one.close()


def test_metadata_and_log(
    sandbox: Sandbox, validating: tuple[Runs, bool], mirror: Mirroring
) -> None:
    runs, strict = validating
    emails = [{"value": "nowhere", "primary": True, "label": "work"}]
    phones = [{"value": "+1 651 555 0101", "primary": True, "label": "work"}]
    for number in (7, 8):
        path = f"/pipedrive/records/persons/{number}"
        sandbox.admin("PATCH", path, {"emails": emails, "phones": phones})
    run = runs(PERSONS, mode="full")
    assert run.is_success
    found = told(runs, run)
    label = "email: not an e-mail address"
    assert found["validation"] == ("strict" if strict else "lenient")
    assert found["warnings"].get(label, 0) == (0 if strict else 2)
    assert found["rejected_by_reason"].get(label, 0) == (2 if strict else 0)
    assert found["rejected"] == (2 if strict else 0)
    assert found["records_per_api_call"] == 30.0
    assert found["error_rate"] == pytest.approx(2 / 30 if strict else 0, abs=1e-5)
    line = mirror.history(PERSONS)[-1]
    for figure in ("records_per_second", "success_rate", "peak_memory_mb"):
        assert found[figure] == line["metrics"][figure]
    said = lines(runs, run)
    opening = "Strict validation failed" if strict else "Validation warning"
    assert (
        f"{opening} for field 'email' with value 'nowhere' (Record: id=7): not an e-mail address"
    ) in said
    assert "Starting pipedrive persons sync with 30 records" in said


def test_only_changed_rows_are_shown(sandbox: Sandbox, runs: Runs) -> None:
    runs(PERSONS, mode="full")
    sandbox.admin("PATCH", "/pipedrive/records/persons/7", {"name": "Somebody Else"})
    shown = told(runs, runs(PERSONS, mode="incremental"))["changed_rows"]
    assert "Somebody Else" in shown
    assert len(shown.splitlines()) == 3
    assert told(runs, runs(PERSONS, mode="incremental"))["changed_rows"] == "Nothing changed."
