"""Files of ingest jobs: values spelled so that a strict reader gets them back, and cut by size."""

from __future__ import annotations

import csv
import random
import re
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_pipelines.connectors.salesforce.ingest_files import (
    columns_of,
    copy_rows,
    cut,
    read_keys,
)
from crm_pipelines.connectors.salesforce.ingest_layout import Layout
from crm_pipelines.connectors.salesforce.ingest_spelling import spell
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.writing import Fate

SMALLEST = 100
LAYOUT = Layout(("Key", "Text", "P.X"), "Key", ("P.X",), 1_000_000, folded=True)


def lines(values: list[Any], kind: pa.DataType, name: str = "Field") -> list[str | None]:
    """Each value as a line of its own; ``None`` where it is refused."""
    spelled = spell([pa.array(values, kind)], [name], "Id")
    codes = spelled.code.to_pylist()
    return [None if c else t for t, c in zip(spelled.lines.to_pylist(), codes, strict=True)]


MOMENT = datetime(2020, 1, 2, 3, 4, 5, 678_901, timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        (["a", 'b"c', "", None, "x,y", " z "], pa.string(), ['"a"', '"b""c"', "", "#N/A"]),
        (["#N/A", "#n/a"], pa.large_string(), [None, '"#n/a"']),
        (["a", None, "a"], pa.dictionary(pa.int8(), pa.string()), ['"a"', "#N/A", '"a"']),
        ([True, False, None], pa.bool_(), ["true", "false", "#N/A"]),
        ([1, -2, None], pa.int64(), ["1", "-2", "#N/A"]),
        ([1.5, 1e-9, 1e21, float("nan"), float("inf"), None], pa.float64(), ["1.5", "0.000000001"]),
        ([Decimal("1E-8"), Decimal("12.50000000")], pa.decimal128(18, 8), ["0.00000001"]),
        ([MOMENT], pa.timestamp("us", "UTC"), ["2020-01-02T01:04:05.678Z"]),
        ([MOMENT], pa.timestamp("ns", "Asia/Tokyo"), ["2020-01-02T01:04:05.678Z"]),
        ([MOMENT.replace(year=1969)], pa.timestamp("s", "UTC"), ["1969-01-02T01:04:05.000Z"]),
        ([MOMENT.date()], pa.date32(), ["2020-01-02"]),
        ([MOMENT.date()], pa.date64(), ["2020-01-02"]),
        ([time(1, 2, 3, 456_789)], pa.time64("us"), ["01:02:03.456Z"]),
        ([None], pa.null(), ["#N/A"]),
    ],
)
def test_spelling(values: list[Any], kind: pa.DataType, wanted: list[str | None]) -> None:
    assert lines(values, kind)[: len(wanted)] == wanted


def test_numbers_that_are_none_are_refused() -> None:
    assert lines([1e21, float("nan"), float("inf")], pa.float64()) == ["1" + "0" * 21, None, None]


def test_no_parent_is_left_alone() -> None:
    assert lines(["x", None], pa.string(), "Account.Ext__c") == ['"x"', ""]


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ROWS = st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1, max_size=30)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, most=st.integers(SMALLEST, 400))
def test_files_hold_what_was_given(
    tmp_path: Path, rows: list[tuple[str, str | None]], most: int
) -> None:
    """Read by Python's own reader, in its strictest way."""
    given_rows = [
        {"Key": f"k{n}{key.strip()}x", "Text": text} for n, (key, text) in enumerate(rows)
    ]
    sendable = [row for row in given_rows if row["Text"] != "#N/A"]
    layout = Layout(("Key", "Text"), "Key", (), most, folded=False)
    table = pa.Table.from_pylist(given_rows, pa.schema({"Key": pa.string(), "Text": pa.string()}))
    found = []
    for made in cut([table], layout, tmp_path):
        if made.path is None:
            continue
        body = made.path.read_bytes()
        assert not re.search(rb'(^|\n|,) +"|" +(,|\n|$)', re.sub(rb'"(?:[^"]|"")*"', b'""', body))
        with made.path.open(encoding="utf-8", newline="") as file:
            read = list(csv.reader(file, strict=True))
        assert len(body) <= most or len(read) == 2
        assert read_keys(made.path, "Key").to_pylist() == [row[0] for row in read[1:]]
        found += read[1:]
    assert found == [[r["Key"], "#N/A" if r["Text"] is None else r["Text"]] for r in sendable]


def table(rows: list[tuple[str, str, str]]) -> pa.Table:
    return pa.table(dict(zip(LAYOUT.columns, map(list, zip(*rows, strict=True)), strict=True)))


def test_the_last_of_each_key_is_kept_and_children_lie_together(tmp_path: Path) -> None:
    rows = [(f"k{n}", f"text {n}", f"p{n % 3}") for n in range(30)]
    again = [(f"K{n}", f"new {n}", "p1") for n in range(0, 30, 10)]
    random.Random(1).shuffle(rows)
    [made] = cut([table(rows).slice(0, 7), table(rows).slice(7), table(again)], LAYOUT, tmp_path)
    assert made.path is not None
    with made.path.open(newline="") as file:
        written = list(csv.reader(file))[1:]
    parents = [row[2] for row in written]
    assert parents == sorted(parents)
    kept = {row[0]: row for row in rows if row[0] not in ("k0", "k10", "k20")}
    assert {row[0]: tuple(row) for row in written} == {**kept, **{row[0]: row for row in again}}
    assert sorted(made.left_out["key"].to_pylist()) == ["k0", "k10", "k20"]
    assert set(made.left_out["fate"].to_pylist()) == {Fate.REPLACED}


def test_some_rows_are_copied_as_they_were(tmp_path: Path) -> None:
    rows = [(f"k{n}", f'"{n}",\n', f"p{n}") for n in range(9)]
    [made] = cut([table(rows)], LAYOUT, tmp_path)
    assert made.path is not None
    copy = tmp_path / "copy.csv"
    copy_rows(made.path, "Key", pa.chunked_array([["k3"], ["k7", "k8"]]), copy)
    whole = made.path.read_text()
    assert copy.read_text() == whole[: whole.index("\n") + 1] + "".join(
        f'"k{n}","""{n}"",\n","p{n}"\n' for n in (3, 7, 8)
    )


def test_empty_values_and_nulls_are_copied_as_they_were(tmp_path: Path) -> None:
    source = pa.table(
        {"Key": ["a", "b"], "Text": ["", None], "N": [1, None], "T": [datetime.now(UTC), None]}
    )
    layout = Layout(("Key", "Text", "N", "T"), "Key", (), 1_000, folded=False)
    [made] = cut([source], layout, tmp_path)
    assert made.path is not None
    copy_rows(made.path, "Key", pa.chunked_array([["b"]]), tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == 'Key,Text,N,T\n"b",#N/A,#N/A,#N/A\n'


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemTrouble, match="make room, or give another folder"):
        list(cut([table([("k", "t", "p")])], LAYOUT, tmp_path / "file" / "folder"))


def test_columns_of_no_rows() -> None:
    assert columns_of([]) == ([], ())
