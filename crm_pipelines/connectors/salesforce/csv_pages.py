"""A result page of a bulk query: CSV off the wire into one Arrow table of texts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crm_pipelines.model.errors import Truncated

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa


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


def read_page(response: httpx.Response) -> pa.Table:
    """Every value as text, empty as null (Salesforce stores no empty text).

    Raises ``Truncated`` when there are not as many rows as ``Sforce-NumberOfRecords`` promises.
    """
    import pyarrow as pa
    from pyarrow import csv

    body = _Bytes(response.iter_bytes(1 << 16))
    source = io.BufferedReader(body, 1 << 20)
    header = source.readline()
    names = [name.strip().strip('"') for name in header.decode("utf-8-sig").split(",")]
    if not header.strip():
        raise Truncated("Salesforce sent a result page without a header row")
    reading = csv.ReadOptions(column_names=names, block_size=4 << 20, use_threads=False)
    parsing = csv.ParseOptions(newlines_in_values=True)
    converting = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    try:
        table = _read(source, names, reading, parsing, converting)
    except pa.ArrowInvalid as error:
        raise Truncated(f"a result page of Salesforce is not whole ({error})") from error
    if body.open_ended:  # the reader takes an open last value for a whole one
        raise Truncated("a result page of Salesforce ends in the middle of a value")
    promised = response.headers.get("sforce-numberofrecords")
    if promised is not None and promised.isdigit() and int(promised) != table.num_rows:
        raise Truncated(
            f"Salesforce promised {promised} rows for a result page and sent {table.num_rows}"
        )
    return table


def _read(
    source: io.BufferedReader[_Bytes],
    names: list[str],
    reading: object,
    parsing: object,
    converting: object,
) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    if not source.peek(1):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    with csv.open_csv(pa.PythonFile(source, "r"), reading, parsing, converting) as reader:
        return reader.read_all()
