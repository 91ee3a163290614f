"""Result pages of bulk queries: CSV off the wire, whole or not at all."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.connectors.salesforce import csv_pages
from crm_pipelines.connectors.salesforce.csv_pages import LONGEST, whole_records
from crm_pipelines.connectors.salesforce.csv_pages import read_page as read_tables
from crm_pipelines.model.csv_lines import to_texts
from crm_pipelines.model.errors import Truncated

marks = st.sampled_from(['"', '""', "\n", "\r\n", "\r", ",", '",', '"\n', '\n"', "\0", "é", "a"])
cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.lists(
    marks, max_size=8
).map("".join)
rows = st.lists(st.tuples(cells, cells, cells), max_size=8)


class Pieces(httpx.SyncByteStream):
    """A body that comes in pieces of a few bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), self._size):
            yield self._body[at : at + self._size]


def read_page(response: httpx.Response, *asked: str) -> pa.Table:
    texts, broken = to_texts(pa.concat_tables(read_tables(response, asked)))
    assert not broken
    return texts


def page(
    body: bytes | str,
    size: int = 7,
    records: object = None,
    *,
    packed: bool = False,
    framed: bool = False,
) -> httpx.Response:
    raw = body.encode() if isinstance(body, str) else body
    headers = {} if records is None else {"Sforce-NumberOfRecords": str(records)}
    if framed:
        headers["Content-Length"] = str(len(raw))
    if packed:
        headers["Content-Encoding"] = "gzip"
    return httpx.Response(200, stream=Pieces(raw, size), headers=headers)


def pack(text: bytes) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return packing.compress(text) + packing.flush()


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


def test_names_know_no_case() -> None:
    found = read_page(page('"ID","name","Else"\n"1","a","b"\n'), "Id", "Name")
    assert found.to_pylist() == [{"Id": "1", "Name": "a", "Else": "b"}]


@pytest.mark.parametrize(
    ("header", "words"),
    [('"Id"', "lacks Name, Note"), ('"Note","Name"', "lacks Id"), ("Id,Name,Note,NAME", "same")],
)
def test_every_column_that_was_asked_for_is_there_once(header: str, words: str) -> None:
    with pytest.raises(Truncated, match=words):
        read_page(page(f"{header}\n"), "Id", "Name", "Note")


def test_no_records_need_no_header() -> None:
    assert list(read_tables(page("", records=0), ["Id"])) == []
    with pytest.raises(Truncated, match="without a header"):
        list(read_tables(page("", records=None), ["Id"]))


def test_the_last_value_is_whole_where_the_whole_body_is_known_to_be() -> None:
    body = "Id,Name\n1,a\n2,b"
    assert read_page(page(body, framed=True)).column("Name").to_pylist() == ["a", "b"]
    assert read_page(page(pack(body.encode()), packed=True)).column("Name").to_pylist() == [
        "a",
        "b",
    ]
    with pytest.raises(Truncated, match="in the middle"):
        read_page(page(body))


@pytest.mark.parametrize("last", ['"2"', '"2","b","c"', "2"])
def test_the_last_record_has_all_its_values(last: str) -> None:
    with pytest.raises(Truncated, match="instead of 2"):
        read_page(page(f'"Id","Name"\n"1","a"\n{last}', framed=True))


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


@given(rows, st.integers(1, 50), st.integers(1, 60))
def test_blocks_end_where_records_do(
    table: list[tuple[str, str, str]], part: int, size: int
) -> None:
    text = spelled(table).encode()
    parts = [text[at : at + part] for at in range(0, len(text), part)]
    blocks = list(whole_records(parts, size))
    assert b"".join(blocks) == text
    found = [
        tuple(row)
        for block in blocks
        for row in csv.reader(io.StringIO(block.decode(), newline=""))
    ]
    assert found == [("Id", "Name", "Note"), *table]


def test_many_blocks_are_one_page() -> None:
    table = [(str(n), 'a "b"\n' * (n % 50), "\n" * (n % 7)) for n in range(60_000)]
    text = spelled(table).encode()
    assert len(text) > 5 * csv_pages.BLOCK
    tables = list(read_tables(page(pack(text), 1 << 16, len(table), packed=True), ["Id"]))
    assert len(tables) > 5
    found, _ = to_texts(pa.concat_tables(tables))
    assert found.column("Id").to_pylist() == [row[0] for row in table]
    assert found.column("Name").to_pylist() == [row[1] or None for row in table]
    assert found.column("Note").to_pylist() == [row[2] or None for row in table]


def test_a_quote_that_is_never_closed_does_not_fill_the_memory() -> None:
    def parts() -> Iterator[bytes]:
        yield b'"Id"\n"'
        for _ in range(LONGEST >> 19):
            yield b"lorem ipsum\n" * 43_691
        raise AssertionError("read on and on")

    with pytest.raises(Truncated, match="without an end"):
        list(whole_records(parts()))


PAIRS = spelled([("1", "a", 'say ""x"" ""'), ("2", "b", '""')])


@given(st.integers(0, len(pack(PAIRS.encode())) - 1), st.integers(1, 40))
def test_a_packed_page_that_was_cut_anywhere_is_not_taken(at: int, size: int) -> None:
    """Even where the connection ended in order and what is there looks whole."""
    with pytest.raises(Truncated):
        read_page(page(pack(PAIRS.encode())[:at], size, packed=True))


@pytest.mark.parametrize("at", [0, 9, 30, len(PAIRS) - 9])
def test_a_packed_page_may_come_in_several_members(at: int) -> None:
    text = PAIRS.encode()
    body = pack(text[:at]) + pack(text[at:])
    assert read_page(page(body, 5, 2, packed=True)).column("Note").to_pylist() == [
        'say ""x"" ""',
        '""',
    ]


@pytest.mark.parametrize("damage", [b"\x00", b"\xff", b"x"])
def test_a_packed_page_that_was_damaged_is_not_taken(damage: bytes) -> None:
    body = pack(WHOLE.encode() * 20)
    middle = len(body) // 2
    spoilt = body[:middle] + damage + body[middle + 1 :]
    with pytest.raises(Truncated):
        read_page(page(spoilt, 64, 3 * 20 + 19, packed=True))


def test_a_record_larger_than_a_block_is_read() -> None:
    """Objects may hold several megabytes of long text in one record."""
    long = "lorem ipsum\n" * 600_000
    found = read_page(page(spelled([("1", long, "x"), ("2", "b", "y")]), 1 << 16, 2))
    assert found.column("Name").to_pylist() == [long, "b"]
