"""A result page of a bulk query: CSV off the wire into Arrow tables of lines, bit by bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from crm_pipelines.model.csv_lines import to_lines, to_texts
from crm_pipelines.model.errors import Truncated
from crm_pipelines.transport.wire import unpacked

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

BLOCK = 1 << 16
"""Bytes of CSV that are looked at at a time, if no record is larger: few enough to stay in the
processor's caches, and to come from memory that is at hand."""

LONGEST = 64 << 20
"""Bytes that no record has: where no end of one comes for so long, quotes are out of step."""


def read_page(response: httpx.Response, asked: Sequence[str]) -> Iterator[pa.Table]:
    """The page's records, some at a time, as the lines they are, with the asked names.

    What was yielded counts only when the end was reached: raises ``Truncated`` when there are not
    as many rows as ``Sforce-NumberOfRecords`` promises, the last one is not whole, or a column
    that was asked for is not there.
    """
    import pyarrow as pa

    rows, names = 0, list[str]()
    lines: pa.Table | None = None
    promised = response.headers.get("sforce-numberofrecords")
    try:
        for block in whole_records(unpacked(response), framed=_framed(response)):
            start = 0 if names else block.find(b"\n") + 1 or len(block)
            names = names or _names(block[:start], asked)
            lines = to_lines(block[start:] if start else block, names)
            rows += lines.num_rows
            yield lines
    except pa.ArrowInvalid as error:
        raise Truncated(f"a result page of Salesforce is not whole ({error})") from error
    if lines is None and promised == "0":
        return
    if lines is None:
        raise Truncated("Salesforce sent a result page without a header row")
    if promised is not None and promised.isdigit() and int(promised) != rows:
        raise Truncated(f"Salesforce promised {promised} rows for a result page and sent {rows}")
    _, broken = to_texts(lines.slice(max(0, lines.num_rows - 1)))
    if broken:
        raise Truncated(f"a result page of Salesforce ends in a row of {broken[0]}")


def _framed(response: httpx.Response) -> bool:
    """Whether a body that ends too early would have been noticed."""
    told = response.headers
    packed = told.get("content-encoding", "").strip().lower() == "gzip"
    return packed or "content-length" in told or "transfer-encoding" in told


def whole_records(
    parts: Iterable[bytes], size: int = BLOCK, *, framed: bool = False
) -> Iterator[bytes]:
    """The same bytes in blocks of about a size, each of which ends where a record does.

    Raises ``Truncated`` where the last value is still open, or, unless the bytes are ``framed`` so
    that all of them are there, may be: it is known to be whole if it is quoted.
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
    if rest and (rest.count(b'"') % 2 or not (framed or rest[-1:] in b'"\r\n')):
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


def _names(header: bytes, asked: Sequence[str]) -> list[str]:
    """The names in the header row, spelled as they were asked for: they know no case."""
    if not header.strip():
        raise Truncated("Salesforce sent a result page without a header row")
    try:
        found = [name.strip().strip('"') for name in header.decode("utf-8-sig").split(",")]
    except UnicodeDecodeError as error:
        raise Truncated(f"the header row of a result page is not text ({error})") from error
    spelled = {name.lower(): name for name in asked}
    names = [spelled.get(name.lower(), name) for name in found]
    if missing := set(asked).difference(names):
        raise Truncated(f"a result page of Salesforce lacks {', '.join(sorted(missing))}")
    if len(set(names)) < len(names):
        raise Truncated("a result page of Salesforce has columns of the same name")
    return names
