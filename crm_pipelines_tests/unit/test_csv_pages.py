"""Result pages of bulk queries: CSV off the wire, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.connectors.salesforce.csv_pages import read_page as read_tables
from crm_pipelines.model.errors import Truncated

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
rows = st.lists(st.tuples(cells, cells, cells), max_size=8)


class Pieces(httpx.SyncByteStream):
    """A body that comes in pieces of a few bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), self._size):
            yield self._body[at : at + self._size]


def read_page(response: httpx.Response) -> pa.Table:
    return pa.concat_tables(read_tables(response))


def page(body: bytes | str, size: int = 7, records: object = None) -> httpx.Response:
    raw = body.encode() if isinstance(body, str) else body
    headers = {} if records is None else {"Sforce-NumberOfRecords": str(records)}
    return httpx.Response(200, stream=Pieces(raw, size), headers=headers)


def spelled(table: list[tuple[str, str, str]], ending: str = "\n") -> str:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator=ending)
    writer.writerows([("Id", "Name", "Note"), *table])
    return sink.getvalue()


@given(rows, st.integers(1, 50), st.sampled_from(["\n", "\r\n"]))
def test_every_value_survives(table: list[tuple[str, str, str]], size: int, ending: str) -> None:
    found = read_page(page(spelled(table, ending), size, len(table)))
    assert found.column_names == ["Id", "Name", "Note"]
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        tuple(cell or None for cell in row) for row in table
    ]


@pytest.mark.parametrize("text", ["NA", "null", "nan", "N/A", "#N/A", "true", "007", "1e5", "-"])
def test_nothing_is_guessed(text: str) -> None:
    assert read_page(page(spelled([("1", text, "")]))).column("Name").to_pylist() == [text]


def test_the_header_alone_is_an_empty_page() -> None:
    found = read_page(page('"Id","Name"\n', records=0))
    assert (found.num_rows, found.column_names) == (0, ["Id", "Name"])


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert read_page(page(b"\xef\xbb\xbf" + spelled([]).encode())).column_names[0] == "Id"


WHOLE = spelled([("1", "a", "x"), ("2", "b\nc", "y"), ("3", "d", "z")])


@given(st.integers(0, len(WHOLE.rstrip()) - 1))
def test_a_page_that_was_cut_anywhere_is_not_taken(at: int) -> None:
    with pytest.raises(Truncated):
        read_page(page(WHOLE[:at], records=3))


@pytest.mark.parametrize("records", [2, 4, 0])
def test_the_number_of_rows_must_be_the_promised_one(records: int) -> None:
    with pytest.raises(Truncated, match=f"promised {records} rows"):
        read_page(page(WHOLE, records=records))


@pytest.mark.parametrize("records", [None, "", "some"])
def test_without_a_promise_the_rows_are_taken(records: str | None) -> None:
    assert read_page(page(WHOLE, records=records)).num_rows == 3


@pytest.mark.parametrize("body", [b"", b"\n", b'"Id","Name"\n"1"\n', b'"Id"\n"\xff\xfe"\n'])
def test_what_is_no_page(body: bytes) -> None:
    with pytest.raises(Truncated):
        read_page(page(body))


def test_a_record_larger_than_a_block_is_read() -> None:
    """Objects may hold several megabytes of long text in one record."""
    long = "lorem ipsum\n" * 600_000
    found = read_page(page(spelled([("1", long, "x"), ("2", "b", "y")]), 1 << 16, 2))
    assert found.column("Name").to_pylist() == [long, "b"]
