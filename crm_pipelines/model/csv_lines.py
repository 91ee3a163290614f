"""Records as the lines of CSV they came as: told apart without reading what is in them.

Reading all the values of a line takes ten times as long as finding its end, and most lines of a
sync say what is known already. What the values are called stands in the table's metadata.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LINE = "_line"
"""Name of the column that holds a record as a line of CSV, its end included. The line may go over
several: a newline inside of quotes does not end it."""

_NAMES = b"names"
_FIRST_VALUE = '^"(?P<value>[^"]*)"[,\r\n]'

Broken = dict[int, str]
"""Row number to what is wrong with the line."""


def to_lines(block: bytes, names: Sequence[str]) -> pa.Table:
    """The records of some text that begins and ends where records do.

    Raises ``pyarrow.ArrowInvalid`` where it is not UTF-8.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = block if block.endswith(b"\n") or not block else block + b"\n"
    offsets, blank = _ends(whole)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(whole)]
    lines = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers).cast(pa.string())
    if blank:
        lines = lines.filter(pc.invert(pc.match_substring_regex(lines, "^\r?\n$")))
    return pa.Table.from_arrays([lines], schema=_schema(tuple(names)))


@lru_cache(maxsize=16)
def _schema(names: tuple[str, ...]) -> pa.Schema:
    """Made once: there are thousands of blocks."""
    import pyarrow as pa

    return pa.schema([(LINE, pa.string())], {_NAMES: json.dumps(names)})


def names_of(records: pa.Table) -> list[str]:
    """What the values of each line are called, in their order."""
    found: list[str] = json.loads(records.schema.metadata[_NAMES])
    return found


def to_texts(records: pa.Table) -> tuple[pa.Table, Broken]:
    """A column of texts for every name, and the lines that are no record of so many values.

    Empty is null, as is everything in a row whose line is broken.
    """
    names, text = names_of(records), _text(records)
    texts, broken = _parsed(text, names)
    if texts.num_rows + len(broken) != records.num_rows:  # a line that reads as several, or none
        return _one_by_one(records, names)
    return (_spread([texts], records.num_rows, broken) if broken else texts), broken


def _one_by_one(records: pa.Table, names: list[str]) -> tuple[pa.Table, Broken]:
    parts, broken = [_parsed(memoryview(b""), names)[0]], Broken()
    for row, line in enumerate(records.column(LINE).to_pylist()):
        texts, wrong = _parsed(memoryview(line.encode()), names)
        if texts.num_rows == 1 and not wrong:
            parts.append(texts)
        else:
            broken[row] = wrong.get(0) or "the line is not one record: its quotes are out of place"
    return _spread(parts, records.num_rows, broken), broken


def _parsed(text: memoryview, names: list[str]) -> tuple[pa.Table, Broken]:
    """Rows of as many values as there are names, and what is wrong with the others."""
    import pyarrow as pa
    from pyarrow import csv

    broken = Broken()

    def skip(row: csv.InvalidRow) -> str:
        broken[row.number - 1] = f"{row.actual_columns} values instead of {row.expected_columns}"
        return "skip"

    if not len(text):
        return pa.table({name: pa.array([], pa.string()) for name in names}), broken
    texts = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(column_names=names, block_size=len(text) + 1, use_threads=False),
        csv.ParseOptions(invalid_row_handler=skip),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return texts, broken


def values_of(records: pa.Table, name: str) -> pa.ChunkedArray:
    """The values of one name. Quick where it is the first."""
    import pyarrow.compute as pc

    if name == names_of(records)[0]:
        found = pc.extract_regex(records.column(LINE), _FIRST_VALUE)
        if not found.null_count:
            values = pc.struct_field(found, "value")
            return pc.if_else(pc.equal(values, ""), None, values)
    return to_texts(records)[0].column(name)


def _ends(text: bytes) -> tuple[array[int], bool]:
    """Where each record begins, with the end of the last; whether one may be a blank line."""
    offsets, at, inside, blank = array("i", [0]), 0, 0, False
    find, count = text.find, text.count
    while (end := find(b"\n", at)) >= 0:
        inside ^= count(b'"', at, end) & 1
        at = end + 1
        if not inside:
            blank = blank or at - offsets[-1] <= len("\r\n")
            offsets.append(at)
    return offsets, blank


def _text(records: pa.Table) -> memoryview:
    """All lines, as they lie in memory one after the other."""
    lines = records.column(LINE).combine_chunks()
    if not len(lines):
        return memoryview(b"")
    offsets = memoryview(lines.buffers()[1]).cast("i")
    first, end = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return memoryview(lines.buffers()[2])[first:end]


def _spread(parts: list[pa.Table], rows: int, broken: Broken) -> pa.Table:
    """The rows at the places of their lines, with null for the broken ones."""
    import pyarrow as pa

    texts = pa.concat_tables(parts)
    there = iter(range(texts.num_rows))
    places = [None if row in broken else next(there) for row in range(rows)]
    return texts.take(pa.array(places, pa.int64()))
