"""A result page of a bulk query: CSV off the wire into Arrow tables of texts, bit by bit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_pipelines.model.errors import Truncated

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

BLOCK = 4 << 20
"""Bytes of CSV that are parsed at a time; the reader takes records of up to two blocks."""


class _Bytes(io.RawIOBase):
    """An iterator of bytes as a readable file, which notices when it ends inside a row."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""
        self._quotes, self._last = 0, b""

    def readable(self) -> bool:
        return True

    @property
    def open_ended(self) -> bool:
        """Whether a value is still open; every value is quoted."""
        return bool(self._quotes % 2) or self._last not in (b'"', b"\n", b"\r")

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = part
            self._quotes += part.count(b'"')
            self._last = part[-1:] or self._last
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def read_page(response: httpx.Response) -> Iterator[pa.Table]:
    """The page's records, some at a time; every value as text, empty as null.

    (Salesforce stores no empty text.) What was yielded counts only when the end was reached:
    raises ``Truncated`` when there are not as many rows as ``Sforce-NumberOfRecords`` promises.
    """
    import pyarrow as pa

    body = _Bytes(response.iter_bytes(1 << 16))
    source = io.BufferedReader(body, 1 << 18)
    header = source.readline()
    names = [name.strip().strip('"') for name in header.decode("utf-8-sig").split(",")]
    if not header.strip():
        raise Truncated("Salesforce sent a result page without a header row")
    rows = 0
    try:
        for table in _tables(source, names):
            rows += table.num_rows
            yield table
    except pa.ArrowInvalid as error:
        raise Truncated(f"a result page of Salesforce is not whole ({error})") from error
    if body.open_ended:  # the reader takes an open last value for a whole one
        raise Truncated("a result page of Salesforce ends in the middle of a value")
    promised = response.headers.get("sforce-numberofrecords")
    if promised is not None and promised.isdigit() and int(promised) != rows:
        raise Truncated(f"Salesforce promised {promised} rows for a result page and sent {rows}")


def _tables(source: io.BufferedReader[_Bytes], names: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv

    if not source.peek(1):
        yield pa.table({name: pa.array([], pa.string()) for name in names})
        return
    reading = csv.ReadOptions(column_names=names, block_size=BLOCK, use_threads=False)
    parsing = csv.ParseOptions(newlines_in_values=True)
    converting = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    with csv.open_csv(pa.PythonFile(source, "r"), reading, parsing, converting) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])
