"""Lines of CSV that SQLite spells: the same as Python's own."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.sandbox.salesforce.csv_rows import fetch_lines, spelled

AWKWARD = ['"', '""', ",", ";", "\n", "\r\n", "\0", 'a\0b"c', "%w %s", "'", "😀", "", None, "\\"]
values = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"])))


def by_sqlite(row: list[str | None], delimiter: str) -> str:
    columns = [f"c{number}" for number in range(len(row))]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t ({', '.join(f'{name} TEXT' for name in columns)})")
        connection.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
        (line,) = fetch_lines(connection, f"SELECT {spelled(columns, delimiter)} FROM t", ())
    return line.decode()


def by_python(row: list[str | None], delimiter: str) -> str:
    sink = io.StringIO(newline="")
    csv.writer(sink, quoting=csv.QUOTE_ALL, delimiter=delimiter, lineterminator="").writerow(row)
    return sink.getvalue()


@given(st.lists(values, min_size=1, max_size=20), st.sampled_from(",;|^`\t"))
def test_every_value_survives(row: list[str | None], delimiter: str) -> None:
    assert by_sqlite(row, delimiter) == by_python(row, delimiter)


@pytest.mark.parametrize("width", [1, 60, 61, 130, 800])
@pytest.mark.parametrize("last", ["plain", "nul\0byte", None])
def test_of_any_width(width: int, last: str | None) -> None:
    row = [*(f'"{number}"' for number in range(width - 1)), last]
    assert by_sqlite(row, ",") == by_python(row, ",")
