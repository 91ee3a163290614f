"""Records that the mirror holds just so are left out early, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from crm_pipelines.model.csv_lines import LINE
from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

Make = Callable[..., Mirroring]
CONTACTS, PERSONS, STAGES = "salesforce.contacts", "pipedrive.persons", "pipedrive.stages"
BULK, PLAIN = {"SALESFORCE_BULK_ROWS": "0"}, {"SALESFORCE_BULK_ROWS": "2000"}


def travelling(manifest: Manifest) -> tuple[int, int]:
    """How many records went on, and how many were left out."""
    return manifest.rows, sum(chunk.rows for chunk in manifest.unchanged)


def prepared(mirror: Mirroring, name: str, **options: Any) -> Manifest:
    return mirror.prepare(name, mirror.fetch(name, mode=Mode.FULL, **options))


def upsert(mirror: Mirroring, name: str, manifest: Manifest) -> Any:
    return mirror.flow(name).upsert(manifest, run=mirror.run_id)[0]


def rename(sandbox: Sandbox, person: int, name: str) -> None:
    sandbox.admin("PATCH", f"/pipedrive/records/persons/{person}", {"name": name})


@pytest.mark.parametrize("name", [CONTACTS, PERSONS, STAGES])
def test_only_what_is_new_travels_on(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    mirror(name, mode=Mode.FULL)
    number = len(mirror.rows(name))
    mirror.query(f"DELETE FROM {name} WHERE id = (SELECT min(id) FROM {name})")
    manifest = prepared(mirror, name)
    assert travelling(manifest) == (1, number - 1)
    outcome = upsert(mirror, name, manifest)
    assert (outcome.fetched, outcome.created, outcome.unchanged) == (number, 1, number - 1)
    assert differences(sandbox, mirror, name) == {}
    assert travelling(prepared(mirror, name)) == (0, number)


def test_everything_travels_where_all_is_to_be_written(mirror: Mirroring) -> None:
    mirror(PERSONS, mode=Mode.FULL)
    number = len(mirror.rows(PERSONS))
    assert travelling(prepared(mirror, PERSONS, force_overwrite=True)) == (number, 0)


def test_another_way_of_judging_looks_at_everything(mirroring: Make) -> None:
    lenient, strict = mirroring(), mirroring(CRM_VALIDATION="strict")
    lenient(CONTACTS, mode=Mode.FULL)
    number = len(lenient.rows(CONTACTS))
    assert travelling(prepared(lenient, CONTACTS)) == (0, number)
    manifest = strict.fetch(CONTACTS, mode=Mode.FULL)
    passed, left_out = travelling(strict.flow(CONTACTS).transform(manifest, run="x"))
    assert (passed, left_out) == (number, 0)


def test_what_was_left_out_is_no_rejected_record_any_more(mirror: Mirroring) -> None:
    """It was seen, so that the time of its rejection makes no difference."""
    mirror(PERSONS, mode=Mode.FULL)
    mirror.query(
        "INSERT INTO sync.rejected_records (workspace_id, crm, stream, record_id, raw, reasons,"
        " run_id, fetched_at, is_json, rejected_at)"
        " SELECT 'default', 'pipedrive', 'persons', id, '{}', '{}', 'x', now(), true,"
        "        now() + interval '1 hour' FROM unnest(ARRAY['3', 'another']) AS id"
    )
    manifest = prepared(mirror, PERSONS)
    assert travelling(manifest)[0] == 0
    upsert(mirror, PERSONS, manifest)
    left = mirror.query("SELECT record_id FROM sync.rejected_records")
    assert left == [{"record_id": "another"}]


def test_what_another_run_writes_meanwhile_stays(sandbox: Sandbox, mirror: Mirroring) -> None:
    """A record that is left out counts as merged when it was asked about."""
    mirror(PERSONS, mode=Mode.FULL)
    early = prepared(mirror, PERSONS)
    assert travelling(early)[0] == 0
    rename(sandbox, 3, "Changed meanwhile")
    sandbox.admin("DELETE", "/pipedrive/records/persons/4")
    mirror(PERSONS, mode=Mode.FULL)
    outcome = upsert(mirror, PERSONS, early)
    assert (outcome.created, outcome.updated, outcome.deleted) == (0, 0, 0)
    assert differences(sandbox, mirror, PERSONS) == {}
    assert 4 not in mirror.rows(PERSONS)


def test_an_older_run_that_ends_later_changes_nothing(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror(PERSONS, mode=Mode.FULL)
    rename(sandbox, 3, "Seen by both")
    older = mirror.fetch(PERSONS, mode=Mode.FULL)
    rename(sandbox, 3, "Seen by one")
    mirror(PERSONS, mode=Mode.FULL)
    assert mirror.finish(PERSONS, older).updated == 0
    assert differences(sandbox, mirror, PERSONS) == {}


def test_tombstones_for_what_is_missing_among_what_is_left_out(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror(STAGES, mode=Mode.FULL)
    mirror.query(
        "INSERT INTO pipedrive.stages (workspace_id, id, _run_id, _synced_at)"
        " VALUES ('default', 999, 'x', now() - interval '1 day')"
    )
    manifest = prepared(mirror, STAGES)
    assert travelling(manifest)[0] == 0
    assert upsert(mirror, STAGES, manifest).deleted == 1
    assert differences(sandbox, mirror, STAGES) == {}


def test_records_that_come_in_another_way_are_known_from_the_next_full_sync_on(
    mirroring: Make,
) -> None:
    plain, bulk = mirroring(**PLAIN), mirroring(**BULK)
    plain(CONTACTS, mode=Mode.FULL)
    written = "SELECT id, _run_id, _synced_at FROM salesforce.contacts ORDER BY id"
    before = plain.query(written)
    for _ in range(2):
        assert bulk(CONTACTS, mode=Mode.FULL).unchanged == len(before)
    assert travelling(prepared(bulk, CONTACTS)) == (0, len(before))
    assert plain.query(written) == before


def test_a_phase_that_is_executed_again_leaves_out_the_same(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror(PERSONS, mode=Mode.FULL)
    rename(sandbox, 3, "New")
    manifest = mirror.fetch(PERSONS, mode=Mode.FULL)
    assert travelling(mirror.prepare(PERSONS, manifest)) == travelling(
        mirror.prepare(PERSONS, manifest)
    )
    assert mirror.finish(PERSONS, manifest).updated == 1
    assert differences(sandbox, mirror, PERSONS) == {}


def spoil(mirror: Mirroring, manifest: Manifest, spoilt: Callable[[list[str]], list[str]]) -> None:
    """Other lines in place of those of the first chunk."""
    staging, chunk = mirror.wiring.staging, manifest.raw[0]
    records = staging.read(chunk)
    lines = spoilt(records.column(LINE).to_pylist())
    table = pa.table([pa.array(lines, pa.string())], records.schema)
    assert staging.write(manifest.key, "fetch", 0, table) == chunk


def test_a_line_that_cannot_be_taken_apart_is_one_rejected_record(
    sandbox: Sandbox, mirroring: Make
) -> None:
    """Its key is not known, so that nobody may be taken for deleted meanwhile."""
    mirror = mirroring(**BULK)
    mirror(CONTACTS, mode=Mode.FULL)
    before, gone = mirror.rows(CONTACTS), '"nobody has this key'
    manifest = mirror.fetch(CONTACTS, mode=Mode.FULL)
    spoil(mirror, manifest, lambda lines: [gone + '",""\n', *lines[1:]])
    outcome = mirror.finish(CONTACTS, manifest)
    assert (outcome.fetched, outcome.rejected) == (len(before), 1)
    assert (outcome.unchanged, outcome.deleted) == (len(before) - 1, 0)
    assert mirror.rows(CONTACTS) == before
    rejected = mirror.query("SELECT record_id, raw, reasons FROM sync.rejected_records")
    assert [one["record_id"].partition(":")[0] for one in rejected] == ["sha256"]
    assert rejected[0]["raw"] == {"*": gone + '",""\n'}
    assert "values instead of" in rejected[0]["reasons"]["*"]
    mirror(CONTACTS, mode=Mode.RETRY)
    mirror(CONTACTS, mode=Mode.FULL)
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_lines_of_a_bulk_page_in_any_order_are_the_same_records(mirroring: Make) -> None:
    mirror = mirroring(**BULK)
    mirror(CONTACTS, mode=Mode.FULL)
    manifest = mirror.fetch(CONTACTS, mode=Mode.FULL)
    spoil(mirror, manifest, lambda lines: lines[::-1])
    number = len(mirror.rows(CONTACTS))
    assert travelling(mirror.prepare(CONTACTS, manifest)) == (0, number)
