"""Runs of the jobs as Dagster executes them: windows, ranges, dry runs, checks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs

from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS = "pipedrive.persons"
LIST = "/api/v2/persons"
FIRST = date(2026, 1, 1)
DAYS = 30


def stamp_persons(sandbox: Sandbox) -> list[int]:
    """Persons changed one a day from ``FIRST`` on, the others years before; ids by day."""
    ids = [person["id"] for person in sandbox.truth("pipedrive", "persons")]
    for number, identity in enumerate(ids):
        day = FIRST + timedelta(days=number)
        at = f"{day}T12:00:00Z" if number < 10 else "2020-01-01T00:00:00Z"
        sandbox.admin("PATCH", f"/pipedrive/records/persons/{identity}", {"update_time": at})
    return ids[:10]


def lists(sandbox: Sandbox) -> list[dict[str, list[str]]]:
    """The queries of the calls of the list, but for those that ask after single records."""
    found = [parse_qs(entry["query"]) for entry in sandbox.journal() if entry["path"] == LIST]
    return [query for query in found if "ids" not in query]


def test_one_window(sandbox: Sandbox, runs: Runs, mirror: Mirroring) -> None:
    ids = stamp_persons(sandbox)
    run = runs(PERSONS, window=str(FIRST + timedelta(days=3)))
    assert run.is_success
    assert runs.materialized(run) == ["pipedrive/persons:2026-01-04"]
    assert runs.checks(run) == {"pipedrive/persons": True}
    assert list(mirror.rows(PERSONS)) == [ids[3]]
    (query,) = lists(sandbox)
    assert query["updated_since"] == ["2026-01-04T00:00:00Z"]
    assert query["updated_until"] == ["2026-01-05T00:00:00Z"]
    (line,) = mirror.history(PERSONS)
    assert (line["run_id"], line["mode"], line["created"]) == (run.run_id, "window", 1)
    assert line["window"].lower == datetime(2026, 1, 4, tzinfo=UTC)
    assert mirror.watermark(PERSONS) is None


def test_thirty_windows_are_one_run_and_one_call(
    sandbox: Sandbox, runs: Runs, mirror: Mirroring
) -> None:
    ids = stamp_persons(sandbox)
    last = FIRST + timedelta(days=DAYS - 1)
    run = runs(PERSONS, windows=(str(FIRST), str(last)))
    assert run.is_success
    assert runs.materialized(run) == [
        f"pipedrive/persons:{FIRST + timedelta(days=number)}" for number in range(DAYS)
    ]
    assert list(mirror.rows(PERSONS)) == ids
    (query,) = lists(sandbox)
    assert query["updated_since"] == ["2026-01-01T00:00:00Z"]
    assert query["updated_until"] == ["2026-01-31T00:00:00Z"]
    assert len(mirror.history(PERSONS)) == 1


def test_all_windows_are_a_full_sync(sandbox: Sandbox, runs: Runs, mirror: Mirroring) -> None:
    """Also what was changed before the first window; and what is gone gets its tombstone."""
    ids = stamp_persons(sandbox)
    today = datetime.now(UTC).date()
    start = today - timedelta(days=5)
    runs.values["CRM_WINDOWS_START"] = str(start)
    assert runs(PERSONS, windows=(str(start), str(today))).is_success
    sandbox.admin("DELETE", f"/pipedrive/records/persons/{ids[0]}")
    run = runs(PERSONS, windows=(str(start), str(today)))
    assert len(runs.materialized(run)) == 6
    assert [query.get("updated_since") for query in lists(sandbox)] == [None, None]
    mirror(PERSONS, dry_run=True)
    assert differences(sandbox, mirror, PERSONS) == {}
    assert mirror.rows(PERSONS, deleted=True)[ids[0]]["_deleted_at"] is not None
    assert mirror.watermark(PERSONS) == mirror.history(PERSONS)[-1]["started_at"]


def test_a_dry_run_materializes_nothing(sandbox: Sandbox, runs: Runs, mirror: Mirroring) -> None:
    run = runs(PERSONS, "pipedrive.stages", window=str(FIRST), mode="full", dry_run=True)
    assert run.is_success
    assert runs.materialized(run) == []
    assert runs.checks(run) == {}
    assert mirror.history(PERSONS) == []
    schemas = "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'pipedrive'"
    assert mirror.query(schemas) == []


def test_a_stream_that_fails_does_not_stop_the_others(
    sandbox: Sandbox, runs: Runs, mirror: Mirroring
) -> None:
    sandbox.fault("server_error", status=400, path=LIST, times=0)
    streams = (PERSONS, "pipedrive.deals", "pipedrive.stages")
    run = runs(*streams, window=str(FIRST), mode="incremental")
    assert not run.is_success
    assert runs.materialized(run) == ["pipedrive/deals:2026-01-01", "pipedrive/stages"]
    assert "refuses the request" in runs.failure(run)
    assert [line["status"] for line in mirror.history(PERSONS)] == ["failed"]
    sandbox.admin("DELETE", "/faults")
    calls = len(sandbox.journal())
    again = runs.execute_again(run)
    assert again.is_success
    assert runs.materialized(again) == ["pipedrive/persons:2026-01-01"]
    assert {entry["path"] for entry in sandbox.journal()[calls:]} == {LIST}
    mirror(PERSONS, dry_run=True)
    assert differences(sandbox, mirror, PERSONS) == {}


def test_a_mirror_that_is_not_sound_is_seen(
    sandbox: Sandbox, runs: Runs, mirror: Mirroring
) -> None:
    """Somebody's trigger changes what is written: the check of the next run says so."""
    assert runs.checks(runs(PERSONS, mode="full")) == {"pipedrive/persons": True}
    with mirror.wiring.database.transaction() as connection:
        connection.execute(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$"
            "BEGIN new._run_id := 'somebody else'; RETURN new; END $$"
        )
        connection.execute(
            "CREATE TRIGGER meddle BEFORE UPDATE ON pipedrive.persons"
            " FOR EACH ROW EXECUTE FUNCTION meddle()"
        )
    (first, *_) = mirror.rows(PERSONS)
    sandbox.admin("PATCH", f"/pipedrive/records/persons/{first}", {"name": "Edited"})
    run = runs(PERSONS, mode="incremental")
    assert run.is_success
    assert runs.checks(run) == {"pipedrive/persons": False}


def test_a_field_that_comes_is_told_in_metadata_and_check(
    sandbox: Sandbox, runs: Runs, mirror: Mirroring
) -> None:
    """It warns once; a warning stops nothing."""
    contacts = "salesforce.contacts"
    assert runs.checks(runs(contacts)) == {"salesforce/contacts": True}
    sandbox.admin("POST", "/salesforce/fields/Contact", {"name": "New__c", "type": "string"})
    run = runs(contacts)
    assert run.is_success
    assert runs.checks(run) == {"salesforce/contacts": False}
    assert runs.metadata(run)["added_columns"].value == "new__c"
    assert runs.metadata(run)["vanished_columns"].value == "none"
    assert runs.checks(runs(contacts)) == {"salesforce/contacts": True}
