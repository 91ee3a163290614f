"""The census and the sweep, as Dagster runs them."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox


def _windowed(mirror: Mirroring, crm: str) -> set[str]:
    account = mirror.wiring.account("default", crm)
    return {f"{crm}/{stream.name}" for stream in account.streams if stream.windowed}


def test_census_of_every_windowed_stream(sandbox: Sandbox, runs: Runs, mirror: Mirroring) -> None:
    for name in sorted(_windowed(mirror, "pipedrive")):
        mirror(name.replace("/", "."))
    run = runs.census("pipedrive")
    assert run.is_success
    assert runs.checks(run) == dict.fromkeys(_windowed(mirror, "pipedrive"), True)
    ids = list(mirror.rows("pipedrive.persons"))
    sandbox.admin("DELETE", f"/pipedrive/records/persons/{ids[0]}")
    with mirror.wiring.database.connection() as connection:
        connection.execute("DELETE FROM pipedrive.organizations WHERE id = 1")
    verdicts = runs.verdicts(runs.census("pipedrive"))
    wrong = {key for key, verdict in verdicts.items() if not verdict.passed}
    assert wrong == {"pipedrive/persons", "pipedrive/organizations"}
    ghosts, missing = verdicts["pipedrive/persons"], verdicts["pipedrive/organizations"]
    assert ghosts.severity is dg.AssetCheckSeverity.WARN
    assert missing.severity is dg.AssetCheckSeverity.ERROR
    assert ghosts.metadata["ghost_ids"].value == [str(ids[0])]
    assert missing.metadata["missing_ids"].value == ["1"]
    assert missing.metadata["tokens"].value == 10


def test_streams_that_were_never_synced_say_so(runs: Runs) -> None:
    run = runs.census("salesforce")
    assert not run.is_success
    assert "sync it first" in runs.failure(run)


def test_a_materialization_asks_nothing(sandbox: Sandbox, runs: Runs) -> None:
    """The UI runs every check of an asset with it; this one would cost as much as the sync."""
    job = build_definitions(Wiring(runs.values)).resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(
        asset_selection=[dg.AssetKey(["pipedrive", "persons"])],
        partition_key=datetime.now(UTC).date().isoformat(),
        instance=runs.instance,
        raise_on_error=False,
    )
    assert run.success
    assert {one.check_name for one in run.get_asset_check_evaluations()} >= {"mirror_is_sound"}
    assert "mirror_is_complete" not in {one.check_name for one in run.get_asset_check_evaluations()}
    assert len([e for e in sandbox.journal() if e["path"] == "/api/v2/persons"]) == 1


def test_the_sweep_reads_what_deltas_do_not_tell(
    sandbox: Sandbox, runs: Runs, mirror: Mirroring
) -> None:
    definitions = build_definitions(Wiring(runs.values))
    schedule = definitions.resolve_schedule_def("pipedrive_deletion_sweep")
    at = datetime(2026, 11, 20, 2, tzinfo=UTC)
    repository = definitions.get_repository_def()
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=repository
    ) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    swept = {key.to_user_string() for key in request.asset_selection or ()}
    told = {"pipedrive/deals", "pipedrive/archived_deals"}
    assert swept == _windowed(mirror, "pipedrive") - told
    assert request.run_config["resources"]["options"]["config"] == {"mode": "full"}
    mirror("pipedrive.persons")
    gone = next(iter(mirror.rows("pipedrive.persons")))
    sandbox.admin("DELETE", f"/pipedrive/records/persons/{gone}")
    options = request.run_config["resources"]["options"]["config"]
    assert runs("pipedrive.persons", window=str(request.partition_key), **options).is_success
    assert gone not in mirror.rows("pipedrive.persons")
