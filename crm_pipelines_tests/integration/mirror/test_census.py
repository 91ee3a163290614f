"""The census: what is missing in a mirror, stale, a ghost, or only not yet synced."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from crm_pipelines.connectors.pipedrive.census import list_ids
from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.flows.reconcile.census import Found, take_census
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.source import RAW
from crm_pipelines.model.window import OVERLAP
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

STREAMS = [
    ("pipedrive.persons", "persons", "id", "name"),
    ("pipedrive.deals", "deals", "id", "title"),
    ("salesforce.contacts", "Contact", "Id", "LastName"),
    ("salesforce.tasks", "Task", "Id", "Subject"),
]
each = pytest.mark.parametrize(
    ("name", "collection", "key", "text"), STREAMS, ids=[row[0] for row in STREAMS]
)


def census(mirror: Mirroring, name: str) -> Found:
    flow = mirror.flow(name)
    return take_census(flow.account, flow.stream, database=flow.database, budget=flow.budget)


def _spoil(mirror: Mirroring, name: str, statement: str, *values: Any) -> None:
    table = '"{}"."{}"'.format(*name.split("."))
    with mirror.wiring.database.connection() as connection:
        connection.execute(statement.replace("TABLE", table), values)


def _age(sandbox: Sandbox, mirror: Mirroring, name: str, collection: str, key: str) -> None:
    """All of it long ago, and known: what differs from now on differs for a reason."""
    crm, field = name.partition(".")[0], "update_time" if "pipe" in name else "SystemModstamp"
    for day, record in enumerate(sandbox.truth(crm, collection)):
        stamp = f"2024-01-{day % 28 + 1:02}T10:00:00{'' if crm == 'pipedrive' else '.000'}Z"
        sandbox.admin("PATCH", f"/{crm}/records/{collection}/{record[key]}", {field: stamp})
    mirror(name, force_overwrite=True)


@each
def test_a_true_mirror_has_nothing_to_hide(
    sandbox: Sandbox, mirror: Mirroring, name: str, collection: str, key: str, text: str
) -> None:
    mirror(name)
    found = census(mirror, name)
    assert (found.missing, found.stale, found.ghosts, found.pending) == ([], [], [], [])
    assert found.here == len(mirror.rows(name)) > 0
    assert found.calls <= 5


@each
def test_what_is_wrong_is_named(
    sandbox: Sandbox, mirror: Mirroring, name: str, collection: str, key: str, text: str
) -> None:
    _age(sandbox, mirror, name, collection, key)
    assert census(mirror, name).by_day == {}
    ids = [str(one) for one in mirror.rows(name)]
    missing, stale, ghost = ids[0], ids[2], ids[4]  # days of their own
    _spoil(mirror, name, "DELETE FROM TABLE WHERE id::text = %s", missing)
    stamp = mirror.flow(name).stream.cursor_field
    _spoil(
        mirror, name, f"UPDATE TABLE SET {stamp} = {stamp} - interval '1 day' WHERE id::text = %s",
        stale,
    )  # fmt: skip
    crm = name.partition(".")[0]
    sandbox.admin("DELETE", f"/{crm}/records/{collection}/{ghost}")
    found = census(mirror, name)
    assert (found.missing, found.stale, found.ghosts) == ([missing], [stale], [ghost])
    assert found.pending == []
    assert sum(found.by_day.values()) == 3


@each
def test_what_the_next_delta_brings_is_pending(
    sandbox: Sandbox, mirror: Mirroring, name: str, collection: str, key: str, text: str
) -> None:
    _age(sandbox, mirror, name, collection, key)
    crm = name.partition(".")[0]
    changed = str(next(iter(mirror.rows(name))))
    sandbox.admin("PATCH", f"/{crm}/records/{collection}/{changed}", {text: "changed"})
    needed = {"Contact": {"LastName": "New"}}.get(collection, {text: "New"})
    created = sandbox.admin("POST", f"/{crm}/records/{collection}", needed)
    found = census(mirror, name)
    assert sorted(found.pending) == sorted([changed, str(created[key])])
    assert (found.missing, found.stale, found.ghosts) == ([], [], [])
    mirror(name)
    assert census(mirror, name).pending == []


def test_a_list_that_leaves_records_out_is_found_out(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror("pipedrive.persons")
    fault = {"system": "pipedrive", "kind": "short_page", "path": "/api/v2/persons"}
    sandbox.admin("POST", "/faults", fault)
    found = census(mirror, "pipedrive.persons")
    assert "leaves out records" in found.doubt
    assert found.ghosts == []


def test_a_list_that_was_cut_at_the_end_of_a_page(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Nothing tells, but that the newest record is not on it."""
    stream = mirror.flow("pipedrive.persons").stream
    assert isinstance(stream, PipedriveStream)
    cut = [_page(number, 250) for number in (0, 250)]
    listing = list_ids(stream, cut, lambda: {"917": None})
    assert len(listing.records) == 501
    assert "917" in listing.records
    whole = list_ids(stream, [*cut, _page(500, 1)], lambda: {"917": None})
    assert "917" not in whole.records


def _page(first: int, rows: int) -> pa.Table:
    texts = [b'{"id": %d}' % number for number in range(first, first + rows)]
    return pa.table({RAW: pa.array(texts, pa.binary())})


def test_rejected_records_are_known(sandbox: Sandbox, mirror: Mirroring) -> None:
    record = sandbox.truth("pipedrive", "persons")[0]
    path = f"/pipedrive/records/persons/{record['id']}"
    sandbox.admin("PATCH", path, {"add_time": "no time", "update_time": "2024-01-01T00:00:00Z"})
    assert mirror("pipedrive.persons").rejected == 1
    found = census(mirror, "pipedrive.persons")
    assert found.rejected == [str(record["id"])]
    assert found.missing == []


def test_never_synced(mirror: Mirroring) -> None:
    with pytest.raises(ConfigurationError, match="sync it first"):
        census(mirror, "pipedrive.persons")


def test_a_count_is_enough_where_all_agrees(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Salesforce counts by day: nothing is listed when nothing differs."""
    mirror("salesforce.contacts")
    found = census(mirror, "salesforce.contacts")
    assert found.days == 0
    assert found.there == found.here
    mark = mirror.watermark("salesforce.contacts")
    assert mark is not None
    assert mark - OVERLAP < datetime.now(UTC)
