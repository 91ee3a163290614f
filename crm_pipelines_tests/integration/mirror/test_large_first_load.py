"""Enough records that the table's indexes are set aside while it is filled."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Database
from crm_pipelines.store.index_shelf import WORTHWHILE
from crm_pipelines.store.staging import Staging
from crm_pipelines_tests.integration.mirror.large_loads import (
    Loads,
    changed,
    definitions,
    people,
    without,
)

CHUNK = WORTHWHILE // 4
NAMES = {"people_pkey", "people_updated_at", "people_email"}


@pytest.fixture(scope="module")
def chunks() -> list[pa.Table]:
    """Just as many records as it takes."""
    return [people(1 + CHUNK * number, CHUNK) for number in range(4)]


@pytest.fixture
def loads(database_url: str, tmp_path: Path) -> Iterator[Loads]:
    """A database in which the table is, and nothing in it."""
    database = Database(database_url)
    try:
        found = Loads(database, Staging(f"file://{tmp_path}"))
        found()
        yield found
    finally:
        database.close()


def test_all_is_there_and_the_indexes_are_what_they_were(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    outcome = loads(*chunks)
    assert (outcome.created, outcome.updated, outcome.unchanged) == (WORTHWHILE, 0, 0)
    after = loads.indexes()
    assert set(after) == NAMES
    assert definitions(after) == definitions(before)
    assert {after[name][0] for name in NAMES}.isdisjoint({before[name][0] for name in NAMES})
    wanted = pa.concat_tables(chunks).drop_columns(["_row"]).to_pylist()
    rows = loads.query("SELECT id, email, amount, updated_at, note FROM made.people ORDER BY id")
    assert rows == [{**one, "amount": Decimal(one["amount"])} for one in wanted]


def test_nearly_all_pages_are_left_as_vacuum_would_leave_them(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    loads(*chunks)
    statement = "SELECT relpages, relallvisible FROM pg_class WHERE oid = 'made.people'::regclass"
    (row,) = loads.query(statement)
    assert row["relallvisible"] > row["relpages"] / 2 > 0


def test_few_records_leave_the_indexes_alone(loads: Loads) -> None:
    before = loads.indexes()
    assert loads(people(1, 100)).created == 100
    assert loads.indexes() == before


def test_a_load_that_breaks_off_leaves_an_empty_table_with_its_indexes(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    manifest = loads.stage(*chunks)
    with pytest.raises(SystemTrouble):
        loads.finish(without(manifest, 3))
    assert loads.indexes() == before
    assert loads.query("SELECT id FROM made.people") == []
    assert loads.finish(manifest).created == WORTHWHILE
    assert definitions(loads.indexes()) == definitions(before)


def test_a_lost_connection_leaves_an_empty_table_with_its_indexes(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    loads.query(
        "CREATE FUNCTION made.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END $$"
    )
    loads.query(
        "CREATE TRIGGER die BEFORE INSERT ON made.people FOR EACH ROW"
        f" WHEN (new.id = {WORTHWHILE}) EXECUTE FUNCTION made.die()"
    )
    with pytest.raises(SystemTrouble):
        loads(*chunks)
    assert loads.indexes() == before
    assert loads.query("SELECT id FROM made.people") == []


def test_indexes_that_people_made_are_not_touched(loads: Loads, chunks: list[pa.Table]) -> None:
    loads.query("CREATE INDEX own ON made.people (lower(email)) WHERE email IS NOT NULL")
    loads.query("CREATE UNIQUE INDEX people_note ON made.people (id, amount DESC)")
    loads.query("COMMENT ON INDEX made.people_email IS 'ours, with a remark of theirs'")
    before = loads.indexes()
    assert loads(*chunks).created == WORTHWHILE
    after = loads.indexes()
    assert definitions(after) == definitions(before)
    for name in ("own", "people_note", "people_email"):
        assert after[name] == before[name]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE made.notes (workspace_id text, person bigint,"
        " FOREIGN KEY (workspace_id, person) REFERENCES made.people)",
        "CREATE VIEW made.short AS SELECT workspace_id, id, email FROM made.people"
        " GROUP BY workspace_id, id",
    ],
)
def test_what_needs_the_key_keeps_it(loads: Loads, chunks: list[pa.Table], made: str) -> None:
    loads.query(made)
    before = loads.indexes()
    assert loads(*chunks).created == WORTHWHILE
    assert loads.indexes() == before


def test_a_reader_who_does_not_go_away_is_not_waited_for(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    with psycopg.connect(loads.database.url) as reader:
        assert reader.execute("SELECT count(*) FROM made.people").fetchone() == (0,)
        assert loads(*chunks).created == WORTHWHILE
    assert loads.indexes() == before


def test_another_workspace_loads_into_a_table_that_keeps_its_indexes(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    loads(people(1, 1), workspace="other")
    before = loads.indexes()
    assert loads(*chunks).created == WORTHWHILE
    assert loads.indexes() == before
    assert loads.query("SELECT count(*) AS n FROM made.people") == [{"n": WORTHWHILE + 1}]


def test_records_that_come_twice_are_there_once_the_newer_way(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    newer = changed(
        people(7, 1), 0, note="newer", updated_at=people(99, 1)["updated_at"][0].as_py()
    )
    older = changed(people(8, 1), 0, note="older", updated_at=people(1, 1)["updated_at"][0].as_py())
    outcome = loads(*chunks, newer, older)
    assert (outcome.created, outcome.updated, outcome.unchanged) == (WORTHWHILE, 1, 1)
    rows = loads.query("SELECT id, note FROM made.people WHERE id IN (7, 8)")
    notes = {row["id"]: row["note"] for row in rows}
    assert notes == {7: "newer", 8: people(8, 1)["note"][0].as_py()}
    assert definitions(loads.indexes()) == definitions(before)


def test_a_record_that_is_refused_is_the_only_one_left_out(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    before = loads.indexes()
    spoilt: list[Any] = [*chunks[:2], changed(chunks[2], 5, amount="1e200000"), chunks[3]]
    outcome = loads(*spoilt)
    assert (outcome.created, outcome.rejected) == (WORTHWHILE - 1, 1)
    assert definitions(loads.indexes()) == definitions(before)
    told = loads.query("SELECT record_id, reasons FROM sync.rejected_records")
    assert [row["record_id"] for row in told] == [str(CHUNK * 2 + 6)]
    assert list(told[0]["reasons"]) == ["amount"]


def test_a_second_sync_writes_next_to_nothing(loads: Loads, chunks: list[pa.Table]) -> None:
    """No row; and of the log, what the lines about the run itself take."""
    first = _log(loads)
    loads(*chunks)
    second = _log(loads)
    before = loads.versions()
    third = _log(loads)
    outcome = loads(*chunks)
    wrote = _log(loads) - third
    assert (outcome.created, outcome.updated, outcome.deleted) == (0, 0, 0)
    assert outcome.unchanged == WORTHWHILE
    assert loads.versions() == before
    assert wrote < (second - first) * 0.05


def test_of_records_that_changed_just_those_are_written(
    loads: Loads, chunks: list[pa.Table]
) -> None:
    loads(*chunks)
    before = loads.versions()
    some = [changed(chunk, 17, note="changed") for chunk in chunks]
    outcome = loads(*some)
    assert (outcome.created, outcome.updated, outcome.deleted) == (0, 4, 0)
    after = loads.versions()
    ids = {CHUNK * number + 18 for number in range(4)}
    assert {key for key, version in after.items() if version != before[key]} == ids
    assert {after[key][1] for key in ids} == {loads.run}


def test_what_is_no_longer_there_is_buried(loads: Loads, chunks: list[pa.Table]) -> None:
    loads(*chunks)
    assert loads(*chunks[:3], chunks[3].slice(1)).deleted == 1
    assert loads(*chunks).updated == 1
    rows = loads.query("SELECT id FROM made.people WHERE _deleted_at IS NOT NULL")
    assert rows == []


def _log(loads: Loads) -> int:
    rows = loads.query("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS bytes")
    return int(rows[0]["bytes"])


def test_two_workspaces_at_once(loads: Loads, chunks: list[pa.Table]) -> None:
    """Whoever comes second waits for the first and finds a table with rows and indexes."""
    before = loads.indexes()
    manifests = [loads.stage(*chunks, workspace=name) for name in ("default", "other")]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(loads.finish, manifests))
    assert [outcome.created for outcome in outcomes] == [WORTHWHILE] * 2
    assert definitions(loads.indexes()) == definitions(before)
    rows = loads.query("SELECT workspace_id, count(*) AS n FROM made.people GROUP BY 1 ORDER BY 1")
    assert [row["n"] for row in rows] == [WORTHWHILE] * 2


@pytest.mark.parametrize("apart", [False, True])
def test_of_equally_new_copies_the_last_one_counts(loads: Loads, apart: bool) -> None:
    """Also where one of them is what the row holds already, in one chunk or in two."""
    same = people(1, 1)
    other = changed(same, 0, note="other")
    assert loads(same).created == 1
    for copies, note in (([other, same], "line one"), ([same, other], "other")):
        loads(*(copies if apart else [pa.concat_tables(copies)]))
        row = loads.query("SELECT note FROM made.people")[0]
        assert row["note"].startswith(note)


def test_another_spelling_of_the_same_value_is_no_change(loads: Loads) -> None:
    """The row learns the spelling, once, so that the next full sync need not look at it."""
    records = people(1, 3)
    loads(records)
    before = loads.versions()
    for spelling in ("2.500", "25e-1"):
        spelled = changed(records, 1, amount=spelling)
        assert loads(spelled).unchanged == 3
        learnt = loads.versions()
        assert loads(spelled).unchanged == 3
        assert loads.versions() == learnt
        assert {key: run for key, (_, run) in learnt.items()} == {
            key: run for key, (_, run) in before.items()
        }
        assert [key for key, version in learnt.items() if version == before[key]] == [1, 3]
