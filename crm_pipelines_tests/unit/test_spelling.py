"""Lines for COPY."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from crm_pipelines.store.digests import DIGEST
from crm_pipelines.store.spelling import Spelled, array_literal, spell

WIDE: list[str | None] = [f"c{number}" for number in range(40)]


def table(*rows: list[str | None]) -> pa.Table:
    """Texts in as many columns as the rows have, after an id that is the same for all."""
    columns = {
        f"c{n}": pa.array(values, pa.string()) for n, values in enumerate(zip(*rows, strict=True))
    }
    return pa.table({"id": pa.array([1] * len(rows), pa.int64()), **columns})


def spelled(records: pa.Table, salt: int = 0) -> Spelled:
    """With digests as they might be."""
    digests = pa.array(range(records.num_rows), pa.int64())
    return spell(records.append_column(DIGEST, digests), records.column_names, salt)


def lines(records: pa.Table) -> list[str]:
    found: list[str] = spelled(records).lines.to_pylist()
    return found


def test_texts_are_escaped_and_nulls_told_from_them() -> None:
    found = lines(table(["a\tb", "c\nd", "e\rf", "\\N", None, ""]))
    assert found == ["1\ta\\tb\tc\\nd\te\\rf\t\\\\N\t\\N\t"]


def test_types_as_postgresql_reads_them() -> None:
    columns: dict[str, Any] = {
        "id": pa.array(["x"]),
        "b": pa.array([True]),
        "d": pa.array([date(1700, 1, 1)]),
        "t": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6, UTC)], pa.timestamp("us", "UTC")),
        "n": pa.array([-(2**63)], pa.int64()),
    }
    wanted = "x\ttrue\t1700-01-01\t2026-01-02 03:04:05.000006\t-9223372036854775808"
    assert lines(pa.table(columns)) == [wanted]


def test_slices_are_what_they_would_be_alone() -> None:
    records = table(*([f"{n}\t", None] for n in range(7)))
    whole = spelled(records, 5)
    part = [whole.lines.to_pylist()[3:5], whole.digests.to_pylist()[3:5]]
    for found in (whole.slice(3, 2), whole.take([3, 4])):
        assert [found.lines.to_pylist(), found.digests.to_pylist()] == part
        assert found.num_rows == 2
    assert spelled(records.slice(0, 0)).num_rows == 0


def test_many_columns_stay_in_order() -> None:
    records = table(WIDE)
    assert lines(records) == ["\t".join(["1", *map(str, WIDE)])]


def test_arrays_of_awkward_keys() -> None:
    keys = ['a"b', "c\\d", "e,f", "{g}", "", "NULL"]
    assert array_literal(pa.array(keys)) == '{"a\\"b","c\\\\d","e,f","{g}","","NULL"}'
    assert array_literal(pa.array([], pa.string())) == "{}"
