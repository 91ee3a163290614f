"""Webhooks through Dagster: a sensor that sees deliveries, one run for many, the four phases."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest

from crm_pipelines.defs.build import build_definitions
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.integration.inbox.post import Post, posting
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

HASTY = {"linger_seconds": 0.0}
"""Runs of tests do not wait for more."""


@pytest.fixture
def post(sandbox: Sandbox, mirror: Mirroring) -> Iterator[Post]:
    for name in ("persons", "deals"):
        mirror(f"pipedrive.{name}")
    with posting(sandbox, mirror) as found:
        yield found


def sensor(mirror: Mirroring) -> dg.SensorDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        repository = build_definitions(mirror.wiring).get_repository_def()
    return repository.get_sensor_def("webhook_deliveries")


def look(mirror: Mirroring, runs: Runs, cursor: str | None = None) -> Any:
    """One turn of the sensor."""
    with dg.build_sensor_context(instance=runs.instance, cursor=cursor) as context:
        return sensor(mirror).evaluate_tick(context)


def said(runs: Runs, *path: str, observed: bool = False) -> Mapping[str, Any]:
    """What the last event at an asset says."""
    key, instance = dg.AssetKey(path), runs.instance
    if observed:
        observation = instance.fetch_observations(key, limit=1).records[0].asset_observation
        assert observation is not None
        found: Mapping[str, Any] = observation.metadata
    else:
        made = instance.fetch_materializations(key, limit=1).records[0].asset_materialization
        assert made is not None
        found = made.metadata
    return {name: value.value for name, value in found.items()}


def odd(number: int) -> dict[str, Any]:
    """A delivery about something that nobody mirrors."""
    meta = {
        "version": "2.0",
        "entity": "unicorn",
        "entity_id": str(number),
        "action": "change",
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "timestamp": "2026-11-21T12:00:00.000Z",
    }
    return {"meta": meta, "data": {"id": number}, "previous": None}


def test_many_deliveries_are_one_run(post: Post, runs: Runs) -> None:
    person, other = sorted(post.mirror.rows("pipedrive.persons"))[:2]
    deal = min(post.mirror.rows("pipedrive.deals"))
    post.change("PATCH", f"persons/{person}", {"name": "Told by webhook"})
    post.change("DELETE", f"persons/{other}")
    post.change("PATCH", f"deals/{deal}", {"title": "Told, too"})
    made = post.change("POST", "persons", {"name": "New by webhook"})["id"]
    post.put([*post.bodies(), odd(1)])
    tick = look(post.mirror, runs)
    assert len(tick.run_requests or ()) == 1
    assert not look(post.mirror, runs, tick.cursor).run_requests  # the same start no second run

    run = runs.whole("apply_webhooks", apply=HASTY)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert list(runs.steps(run).values()) == ["success"] * 4
    rows = post.mirror.rows("pipedrive.persons", deleted=True)
    assert (rows[person]["name"], rows[made]["name"]) == ("Told by webhook", "New by webhook")
    assert rows[other]["_deleted_at"] is not None
    assert post.mirror.rows("pipedrive.deals")[deal]["title"] == "Told, too"
    assert post.states() == {"applied": 4, "unknown": 1}
    assert (run.tags["inbox/applied"], run.tags["inbox/unknown"]) == ("4", "1")

    figures = said(runs, "inbox", "pipedrive")
    assert (figures["applied"], figures["unknown"], figures["dead"]) == (4, 1, 0)
    assert "| persons |" in figures["rows_by_stream"]
    persons = said(runs, "pipedrive", "persons", observed=True)
    by_webhook = [persons[f"{what}_by_webhook"] for what in ("created", "updated", "deleted")]
    assert by_webhook == [1, 1, 1]
    assert not look(post.mirror, runs).run_requests


def test_a_run_takes_what_its_first_batch_left(post: Post, runs: Runs) -> None:
    post.put([odd(number) for number in range(520)])
    run = runs.whole("apply_webhooks", apply=HASTY)
    assert run.tags["inbox/unknown"] == "520"
    assert said(runs, "inbox", "pipedrive")["unknown"] == 520


def test_dead_deliveries_are_replayed(post: Post, runs: Runs) -> None:
    person = min(post.mirror.rows("pipedrive.persons"))
    post.change("PATCH", f"persons/{person}", {"name": "Late but there"})
    post.put(post.bodies())
    post.mirror.query("UPDATE sync.inbox SET status = 'dead', error = 'as a test wants it'")
    assert not look(post.mirror, runs).run_requests
    assert runs.whole("replay_dead_deliveries").status is dg.DagsterRunStatus.SUCCESS
    assert look(post.mirror, runs).run_requests
    runs.whole("apply_webhooks", apply=HASTY)
    assert post.mirror.rows("pipedrive.persons")[person]["name"] == "Late but there"
    assert post.states() == {"applied": 1}


def test_every_workspace_has_its_turn(post: Post, runs: Runs) -> None:
    runs.values["CRM_WORKSPACES"] = "default,globex"
    person = min(post.mirror.rows("pipedrive.persons"))
    post.change("PATCH", f"persons/{person}", {"name": "In both"})
    post.put(post.bodies())
    post.mirror.query(
        "INSERT INTO sync.inbox (workspace_id, delivery_id, body)"
        " SELECT 'globex', delivery_id, body FROM sync.inbox"
    )
    run = runs.whole("apply_webhooks", apply=HASTY)
    assert run.tags["inbox/applied"] == "2"
    rows = post.mirror.query(
        "SELECT workspace_id, name FROM pipedrive.persons WHERE id = %(id)s ORDER BY 1", id=person
    )
    assert [tuple(row.values()) for row in rows] == [("default", "In both"), ("globex", "In both")]
    for workspace in ("default", "globex"):
        assert said(runs, workspace, "inbox", "pipedrive")["applied"] == 1
        persons = said(runs, workspace, "pipedrive", "persons", observed=True)
        assert persons["created_by_webhook"] + persons["updated_by_webhook"] == 1
