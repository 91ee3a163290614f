"""A result page of a bulk query: CSV off the wire into Arrow tables of texts, bit by bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crm_pipelines.model.errors import Truncated
from crm_pipelines.transport.wire import unpacked

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

BLOCK = 1 << 20
"""Bytes of CSV that are parsed at a time, if no record is larger."""

LONGEST = 64 << 20
"""Bytes that no record has: where no end of one comes for so long, quotes are out of step."""


def read_page(response: httpx.Response) -> Iterator[pa.Table]:
    """The page's records, some at a time; every value as text, empty as null.

    (Salesforce stores no empty text.) What was yielded counts only when the end was reached:
    raises ``Truncated`` when there are not as many rows as ``Sforce-NumberOfRecords`` promises.
    """
    import pyarrow as pa

    rows, names = 0, list[str]()
    try:
        for block in whole_records(unpacked(response)):
            start = 0 if names else block.find(b"\n") + 1 or len(block)
            names = names or _names(block[:start])
            table = _parse(memoryview(block)[start:], names)
            rows += table.num_rows
            yield table
    except pa.ArrowInvalid as error:
        raise Truncated(f"a result page of Salesforce is not whole ({error})") from error
    if not names:
        raise Truncated("Salesforce sent a result page without a header row")
    promised = response.headers.get("sforce-numberofrecords")
    if promised is not None and promised.isdigit() and int(promised) != rows:
        raise Truncated(f"Salesforce promised {promised} rows for a result page and sent {rows}")


def whole_records(parts: Iterable[bytes], size: int = BLOCK) -> Iterator[bytes]:
    """The same bytes in blocks of about a size, each of which ends where a record does.

    Raises ``Truncated`` where the last value is still open; every value is quoted.
    """
    waiting: list[bytes] = []
    length, enough = 0, size
    for part in parts:
        waiting.append(part)
        length += len(part)
        if length < enough:
            continue
        block = b"".join(waiting)
        end = _end_of_records(block)
        if end:
            yield block[:end]
        elif length > LONGEST:
            raise Truncated("a result page of Salesforce has a record without an end")
        waiting = [block[end:]]
        length -= end
        enough = max(size, min(2 * length, LONGEST + 1))
    rest = b"".join(waiting)
    if rest and (rest.count(b'"') % 2 or rest[-1:] not in b'"\r\n'):
        raise Truncated("a result page of Salesforce ends in the middle of a value")
    if rest:
        yield rest


def _end_of_records(block: bytes) -> int:
    """Behind the last newline that is not part of a value, of a block that begins with a record.

    Looked for from the end, quote by quote.
    """
    inside, at = block.count(b'"') % 2 == 1, len(block)
    while at > 0:
        quote = block.rfind(b'"', 0, at)
        newline = -1 if inside else block.rfind(b"\n", quote + 1, at)
        if newline >= 0:
            return newline + 1
        inside, at = not inside, quote
    return 0


def _names(header: bytes) -> list[str]:
    if not header.strip():
        raise Truncated("Salesforce sent a result page without a header row")
    try:
        return [name.strip().strip('"') for name in header.decode("utf-8-sig").split(",")]
    except UnicodeDecodeError as error:
        raise Truncated(f"the header row of a result page is not text ({error})") from error


def _parse(records: memoryview, names: list[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    if not records:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    ends = records[-1] == ord("\n")
    whole = pa.py_buffer(records if ends else bytes(records) + b"\n")
    reading = csv.ReadOptions(column_names=names, block_size=whole.size + 1, use_threads=False)
    converting = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    return csv.read_csv(pa.BufferReader(whole), reading, convert_options=converting)
