"""Every declared stream of every connector: the table is what the CRM holds, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines import settings
from crm_pipelines.connectors import discover
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.stream import Field, Stream, Type
from crm_pipelines.model.window import Mode
from crm_pipelines.sandbox.salesforce.identity import make_id
from crm_pipelines_tests.conftest import start_sandbox
from crm_pipelines_tests.mirroring import Mirroring, Row, variables
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.servers import Databases
from crm_pipelines_tests.truths import OPTIONAL, TRUTHS, Record, expected

BOOKKEEPING = {
    "workspace_id": "text",
    "_synced_at": "timestamp with time zone",
    "_run_id": "text",
    "_deleted_at": "timestamp with time zone",
    "_digest": "bigint",
}
SPOKEN = {"timestamptz": "timestamp with time zone", "time": "time without time zone"}


def declared() -> Iterator[Any]:
    for connector in discover().values():
        values = settings.read(connector.settings, source=connector.sandbox("http://127.0.0.1"))
        for stream in connector.streams(values):
            name = f"{connector.name}.{stream.name}"
            yield pytest.param((connector.name, stream), id=name)


@dataclass
class Synced:
    """A stream after its first full sync. ``manifest`` names the fields the CRM has."""

    sandbox: Sandbox
    mirror: Mirroring
    crm: str
    stream: Stream
    first: Outcome
    first_run: str
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        return f"{self.crm}.{self.stream.name}"

    def truth(self) -> list[Record]:
        return TRUTHS[self.crm](self.sandbox, self.stream)

    def rows(self, *, deleted: bool = False) -> dict[Any, Row]:
        return self.mirror.rows(f"{self.crm}.{self.stream.table_name}", deleted=deleted)


@dataclass
class Second:
    """A mirror of a stream that begins empty, and the folder it works in."""

    mirror: Mirroring
    home: Path


@pytest.fixture(scope="module")
def ground(
    filled_home: Path, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sandbox, Path]]:
    """One sandbox for all streams; nothing here changes it."""
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("contract")
        yield start_sandbox(filled_home, home / "sandbox", stack), home


@pytest.fixture(scope="module", params=declared())
def synced(
    request: pytest.FixtureRequest, ground: tuple[Sandbox, Path], databases: Databases
) -> Iterator[Synced]:
    """A stream, alone in a database, after a full sync."""
    (crm, stream), (sandbox, home) = request.param, ground
    with databases.clone() as url:
        mirror = Mirroring(variables(sandbox.url, url, home / stream.name))
        try:
            name = f"{crm}.{stream.name}"
            first = mirror(name, mode=Mode.FULL)
            fields = mirror.manifests[name].fields
            yield Synced(sandbox, mirror, crm, stream, first, mirror.run_id, fields)
        finally:
            mirror.close()


@pytest.fixture(scope="module")
def second(
    synced: Synced, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Second]:
    """Another, empty database for the same stream. Tests fill it in the order they stand here."""
    home = tmp_path_factory.mktemp("second")
    with databases.clone() as url:
        mirror = Mirroring(variables(synced.sandbox.url, url, home))
        try:
            yield Second(mirror, home)
        finally:
            mirror.close()


def test_table_equals_the_crm_field_by_field(synced: Synced) -> None:
    truth, rows = synced.truth(), synced.rows()
    assert truth
    key = next(field for field in synced.fields if field.name == "id")
    assert set(rows) == {record[key.source] for record in truth}
    for record in truth:
        row = rows[record[key.source]]
        wanted = {field.name: expected(field, record) for field in synced.fields}
        assert {name: row[name] for name in wanted} == wanted


def test_counts_are_those_of_the_crm(synced: Synced) -> None:
    records = len(synced.truth())
    assert (synced.first.created, synced.first.updated) == (records, 0)
    assert (synced.first.rejected, synced.first.deleted) == (0, 0)
    assert synced.first.fetched == synced.first.created + synced.first.unchanged
    line = synced.mirror.history(synced.name)[0]
    assert (line["status"], line["mode"], line["created"]) == ("success", "full", records)
    assert line["processed"] == synced.first.fetched
    assert (line["api_calls"], line["tokens"]) == (synced.first.api_calls, synced.first.tokens)


def test_every_declared_field_is_one_the_crm_sends(synced: Synced) -> None:
    sent = {name for record in synced.truth() for name in record}
    declared = {field.source.partition("[")[0] for field in synced.fields}
    assert declared - sent - OPTIONAL.get(synced.name, set()) == set()


def test_every_member_that_the_crm_sends_has_a_column(synced: Synced) -> None:
    assert synced.mirror.history(synced.name)[0]["metrics"]["schema_drift"] == {}


def test_columns_have_the_declared_types(synced: Synced) -> None:
    found = synced.mirror.query(
        "SELECT column_name AS name, data_type AS type FROM information_schema.columns"
        " WHERE table_schema = %(schema)s AND table_name = %(table)s",
        schema=synced.crm,
        table=synced.stream.table_name,
    )
    declared = {f.name: SPOKEN.get(f.type.value, f.type.value) for f in synced.fields}
    assert {row["name"]: row["type"] for row in found} == {**declared, **BOOKKEEPING}


def test_the_key_is_workspace_and_id(synced: Synced) -> None:
    keys = synced.mirror.query(
        "SELECT a.attname AS name FROM pg_index AS i"
        " CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, position)"
        " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number"
        " WHERE i.indisprimary AND i.indrelid = to_regclass(%(table)s) ORDER BY k.position",
        table=f"{synced.crm}.{synced.stream.table_name}",
    )
    assert [row["name"] for row in keys] == ["workspace_id", "id"]


def test_bookkeeping_says_which_run_wrote_the_row(synced: Synced) -> None:
    line = synced.mirror.history(synced.name)[0]
    for row in synced.rows().values():
        assert row["workspace_id"] == "default"
        assert row["_run_id"] == synced.first_run
        assert row["_deleted_at"] is None
        assert line["started_at"] <= row["_synced_at"] <= line["ended_at"]


def test_columns_say_which_field_they_come_from(synced: Synced) -> None:
    comments = synced.mirror.query(
        "SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS comment"
        "  FROM pg_attribute AS a WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0",
        table=f"{synced.crm}.{synced.stream.table_name}",
    )
    found = {row["name"]: row["comment"] for row in comments}
    for field in synced.fields:
        if field.name != "id":
            assert found[field.name].split(": ")[0] == field.source


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_a_second_sync_changes_nothing(synced: Synced, mode: Mode) -> None:
    before = synced.rows(deleted=True)
    outcome = synced.mirror(synced.name, mode=mode)
    assert (outcome.created, outcome.updated, outcome.deleted, outcome.rejected) == (0, 0, 0, 0)
    assert outcome.unchanged == outcome.fetched
    if mode is Mode.INCREMENTAL and synced.stream.windowed:
        assert outcome.fetched == 0
    assert synced.rows(deleted=True) == before


def test_a_quiet_delta_asks_for_one_list_at_most(synced: Synced) -> None:
    if not synced.stream.windowed or synced.crm != "pipedrive":
        pytest.skip("read whole, or in jobs")
    assert synced.mirror(synced.name).api_calls == 1


def test_a_dry_run_writes_nothing(synced: Synced, second: Second) -> None:
    mirror = second.mirror
    outcome = mirror(synced.name, mode=Mode.FULL, dry_run=True)
    assert (outcome.created, outcome.updated) == (synced.first.created, 0)
    tables = mirror.query(
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name = %(crm)s",
        crm=synced.crm,
    )
    assert tables == []
    assert mirror.history(synced.name) == []
    assert mirror.watermark(synced.name) is None
    assert mirror.query("SELECT key FROM sync.checkpoints") == []
    assert [path for path in second.home.rglob("*.arrow") if path.is_file()] == []


def test_small_pages_hold_the_same_records(synced: Synced, second: Second) -> None:
    outcome = second.mirror(synced.name, mode=Mode.FULL, batch_size=4)
    assert outcome.created == synced.first.created
    ours = second.mirror.rows(f"{synced.crm}.{synced.stream.table_name}")
    assert {k: _told(v) for k, v in ours.items()} == {k: _told(v) for k, v in synced.rows().items()}


def _told(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}


def test_max_records_limits_and_concludes_nothing(synced: Synced, second: Second) -> None:
    mirror = second.mirror
    known = mirror.watermark(synced.name)
    mirror.query(_forget(synced))
    outcome = mirror(synced.name, mode=Mode.FULL, max_records=3)
    assert outcome.fetched == min(3, synced.first.fetched)
    assert outcome.deleted == 0
    assert mirror.watermark(synced.name) == known


def _forget(synced: Synced) -> Any:
    return f"UPDATE {synced.crm}.{synced.stream.table_name} SET _run_id = 'earlier'"


def test_a_dry_run_counts_what_a_sync_would_bury(synced: Synced) -> None:
    """A row the CRM does not know: the dry run says so, and leaves it alone."""
    table = f"{synced.crm}.{synced.stream.table_name}"
    with synced.mirror.wiring.database.transaction() as connection:
        connection.execute(_copy_of_one_row(table, synced))
    outcome = synced.mirror(synced.name, mode=Mode.FULL, dry_run=True)
    assert (outcome.created, outcome.updated, outcome.deleted) == (0, 0, 1)
    assert len(synced.rows()) == len(synced.truth()) + 1
    assert synced.mirror(synced.name, mode=Mode.FULL).deleted == 1
    assert len(synced.rows()) == len(synced.truth())


def _copy_of_one_row(table: str, synced: Synced) -> Any:
    names = ", ".join(f'"{f.name}"' for f in synced.fields if f.name != "id")
    identity = "999999999"
    if synced.crm == "salesforce":
        identity = f"'{make_id(next(iter(synced.rows()))[:3], 9_999_999)}'"
    elif next(field for field in synced.fields if field.name == "id").type is Type.TEXT:
        identity = "'nobody'"
    return (
        f"INSERT INTO {table} (workspace_id, id, {names}, _run_id, _synced_at)"
        f" SELECT workspace_id, {identity}, {names}, 'earlier', now() - interval '1 day'"
        f" FROM {table} WHERE _deleted_at IS NULL LIMIT 1"
    )
