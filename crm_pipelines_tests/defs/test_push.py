"""The push through Dagster: sensors that see commands, one run for many, the four phases."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import psycopg
import pytest

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def local(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The local side, as any program writes to it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sensors(environment: Mapping[str, str]) -> Iterator[dict[str, dg.SensorDefinition]]:
    wiring = Wiring(dict(environment))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = build_definitions(wiring).get_repository_def().sensor_defs
    yield {one.name: one for one in found}
    wiring.close()


def look(sensor: dg.SensorDefinition, runs: Runs, cursor: str | None = None) -> Any:
    """One turn of a sensor."""
    with dg.build_sensor_context(instance=runs.instance, cursor=cursor) as context:
        return sensor.evaluate_tick(context)


def add_leads(local: psycopg.Connection[Any], number: int) -> None:
    local.execute("INSERT INTO app.organizations (id, name) VALUES ('o', 'Acme Rockets')")
    local.execute(
        "INSERT INTO app.contacts (id, name, email, organization_id, warmness_score)"
        " SELECT 'c' || n, 'Lead ' || n, 'lead' || n || '@acme.example', 'o', 5"
        "   FROM generate_series(1, %s) AS n",
        (number,),
    )


def named(sandbox: Sandbox, name: str, prefix: str, field: str = "name") -> list[dict[str, Any]]:
    return [one for one in sandbox.truth("pipedrive", name) if one[field].startswith(prefix)]


def test_many_leads_are_one_run(
    runs: Runs,
    sensors: dict[str, dg.SensorDefinition],
    local: psycopg.Connection[Any],
    sandbox: Sandbox,
) -> None:
    add_leads(local, 12)
    tick = look(sensors["warm_leads"], runs)
    assert len(tick.run_requests or ()) == 1
    assert not look(sensors["activity_replication"], runs).run_requests
    again = look(sensors["warm_leads"], runs, tick.cursor)
    assert not again.run_requests  # the same commands start no second run

    run = runs.whole("push_warm_leads")
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert list(runs.steps(run).values()) == ["success"] * 4
    people = named(sandbox, "persons", "Lead ")
    (organization,) = named(sandbox, "organizations", "Acme Rockets")
    assert len(people) == 12
    assert {one["org_id"] for one in people} == {organization["id"]}
    rows = local.execute("SELECT pipedrive_person_id FROM app.contacts").fetchall()
    assert {row[0] for row in rows} == {one["id"] for one in people}
    assert run.tags["push/delivered"] == "13"

    noted = runs.instance.fetch_materializations(
        dg.AssetKey(["push", "pipedrive", "person"]), limit=1
    ).records[0]
    materialization = noted.asset_materialization
    assert materialization is not None
    assert materialization.metadata["delivered"].value == 12
    assert "| c1 |" in str(materialization.metadata["which_went_where"].value)


def test_activities_and_changes_have_jobs_of_their_own(
    runs: Runs,
    sensors: dict[str, dg.SensorDefinition],
    local: psycopg.Connection[Any],
    sandbox: Sandbox,
) -> None:
    add_leads(local, 1)
    runs.whole("push_warm_leads")
    local.execute(
        "INSERT INTO app.activities (contact_id, type, subject, due_at)"
        " VALUES ('c1', 'CALL', 'Pushed call', '2026-12-24T10:00Z')"
    )
    assert look(sensors["activity_replication"], runs).run_requests
    assert not look(sensors["record_updates"], runs).run_requests
    assert runs.whole("push_activities").status is dg.DagsterRunStatus.SUCCESS
    (activity,) = named(sandbox, "activities", "Pushed call", "subject")
    assert (activity["type"], activity["done"]) == ("call", False)

    local.execute("UPDATE app.activities SET done = true")
    assert look(sensors["record_updates"], runs).run_requests
    assert runs.whole("push_record_updates").status is dg.DagsterRunStatus.SUCCESS
    (activity,) = named(sandbox, "activities", "Pushed call", "subject")
    assert activity["done"]


def test_what_cannot_be_sent_is_told_and_stops_nothing(
    runs: Runs, local: psycopg.Connection[Any], sandbox: Sandbox
) -> None:
    add_leads(local, 2)
    local.execute("UPDATE app.contacts SET email = 'nonsense' WHERE id = 'c1'")
    run = runs.whole("push_warm_leads")
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert len(named(sandbox, "persons", "Lead 2")) == 1
    assert (run.tags["push/delivered"], run.tags["push/dead"]) == ("2", "1")
    local.execute("SELECT set_config('crm_pipelines.origin', 'sync', false)")
    local.execute("UPDATE app.contacts SET email = 'mended@acme.example' WHERE id = 'c1'")
    assert runs.whole("redrive_dead_letters").status is dg.DagsterRunStatus.SUCCESS
    runs.whole("push_warm_leads")
    assert len(named(sandbox, "persons", "Lead 1")) == 1


def test_failed_commands_and_drift(
    runs: Runs, local: psycopg.Connection[Any], sandbox: Sandbox
) -> None:
    add_leads(local, 2)
    local.execute("UPDATE sync.outbox SET status = 'failed'")
    assert runs.whole("push_failed_commands").status is dg.DagsterRunStatus.SUCCESS
    assert len(named(sandbox, "persons", "Lead ")) == 2
    local.execute("ALTER TABLE app.contacts DISABLE TRIGGER USER")
    local.execute(
        "INSERT INTO app.contacts (id, name, warmness_score) VALUES ('late', 'Lead late', 9)"
    )
    local.execute("ALTER TABLE app.contacts ENABLE TRIGGER USER")
    assert runs.whole("reconcile_push").status is dg.DagsterRunStatus.SUCCESS
    assert runs.whole("push_warm_leads").status is dg.DagsterRunStatus.SUCCESS
    assert len(named(sandbox, "persons", "Lead ")) == 3
