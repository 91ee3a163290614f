"""Everything that people meet in Dagster, in one list: a change here is a change for them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.mirroring import variables

SURFACE = Path(__file__).with_name("surface.txt")


def _surface(home: Path) -> str:
    values = variables("http://127.0.0.1:1", "postgresql://127.0.0.1:1/none", home)
    repository = build_definitions(Wiring(values)).get_repository_def()
    graph = repository.asset_graph
    lines = [f"asset {key.to_user_string()}" for key in graph.get_all_asset_keys()]
    lines += [f"check {key.to_user_string()}" for key in graph.asset_check_keys]
    lines += [f"job {job.name}" for job in repository.get_all_jobs()]
    lines += [f"schedule {s.name} {s.cron_schedule}" for s in repository.schedule_defs]
    lines += [f"sensor {sensor.name}" for sensor in repository.sensor_defs]
    lines += [f"resource {name}" for name in repository.get_top_level_resources()]
    return "\n".join(sorted(line for line in lines if "__ASSET_JOB" not in line)) + "\n"


def test_surface_is_the_reviewed_one(tmp_path: Path) -> None:
    assert _surface(tmp_path) == SURFACE.read_text()


def test_several_workspaces_get_a_prefix(tmp_path: Path) -> None:
    values = variables("http://127.0.0.1:1", "postgresql://127.0.0.1:1/none", tmp_path)
    values["CRM_WORKSPACES"] = "acme,globex"
    keys = build_definitions(Wiring(values)).resolve_all_asset_keys()
    assert dg.AssetKey(["acme", "pipedrive", "persons"]) in keys
    assert dg.AssetKey(["globex", "salesforce", "contacts"]) in keys
    assert dg.AssetKey(["pipedrive", "persons"]) not in keys
