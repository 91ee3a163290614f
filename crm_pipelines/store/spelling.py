"""Records as PostgreSQL's COPY reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from crm_pipelines.model.stream import KEY
from crm_pipelines.store.database import Connection
from crm_pipelines.store.digests import DIGEST, salted

_SEPARATOR = pa.scalar("\t", pa.string())
_NULL = "\\N"
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
"""The backslash comes first: the others bring their own."""

_ABREAST = 16
"""Columns that are joined at a time."""

_PIECE = 1 << 20
"""Bytes that are handed to PostgreSQL at a time."""


@dataclass(frozen=True)
class Spelled:
    """A chunk's records, each as one line without its end, their keys and their salted digests."""

    records: pa.Table
    lines: pa.Array
    keys: pa.Array
    digests: pa.Array

    @property
    def num_rows(self) -> int:
        """How many records."""
        return len(self.lines)

    def slice(self, offset: int, length: int | None = None) -> Spelled:
        """Some of them, without copying."""
        return Spelled(*(part.slice(offset, length) for part in self._parts))

    def take(self, rows: Sequence[int]) -> Spelled:
        """Those at these places."""
        at = pa.array(rows, pa.int64())
        return Spelled(*(part.take(at) for part in self._parts))

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.records, self.lines, self.keys, self.digests

    def where(self, mask: pa.Array | pa.ChunkedArray) -> Spelled:
        """Those a mask says yes to."""
        return self.take(pc.indices_nonzero(mask).to_pylist())


def spell(records: pa.Table, names: Sequence[str], salt: int) -> Spelled:
    """Spell these columns; ``salt`` goes into the digests that the records bring along."""
    lines = _join([_text(_whole(records.column(name))) for name in names])
    keys = _whole(records.column(KEY)).cast(pa.string())
    return Spelled(records, lines, keys, salted(_whole(records.column(DIGEST)), salt))


def copy_lines(
    connection: Connection,
    statement: sql.Composed,
    lines: pa.Array,
    numbers: Sequence[pa.Array],
    constants: Sequence[str] = (),
) -> int:
    """Run a ``COPY ... FROM STDIN``; how many rows got in.

    A row is the texts that all rows have, its line, and its numbers, in this order.
    """
    texts = [number.cast(pa.string()) for number in numbers]
    texts[-1] = pc.binary_join_element_wise(texts[-1], "\n", "")
    rows = _join([*(pa.scalar(_escape(text)) for text in constants), lines, *texts])
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for piece in _pieces(rows):
                copy.write(piece)
        return cursor.rowcount


def array_literal(texts: pa.Array) -> str:
    """Texts without nulls as PostgreSQL writes an array of them."""
    joined = "\0".join(texts.to_pylist()).replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + joined.replace("\0", '","') + '"}' if len(texts) else "{}"


def _text(values: pa.Array) -> pa.Array:
    """A column as COPY's text format has it; nulls stay nulls."""
    kind = values.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        values = values.cast(pa.timestamp(kind.unit))  # PostgreSQL is told that all is UTC
    if not pa.types.is_string(kind):
        return values.cast(pa.string())
    return _escaped(values)


def _escaped(values: pa.Array) -> pa.Array:
    buffer = values.buffers()[2]
    text = buffer.to_pybytes() if buffer is not None else b""
    for character, escape in _ESCAPES.items():
        if character.encode() in text:
            values = pc.replace_substring(values, character, escape)
    return values


def _escape(text: str) -> str:
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _join(columns: Sequence[Any]) -> pa.Array:
    """Every row's texts in one line. Joining few columns at a time is kinder to the caches."""
    joined = [
        pc.binary_join_element_wise(
            *columns[first : first + _ABREAST],
            _SEPARATOR,
            null_handling="replace",
            null_replacement=_NULL,
        )
        for first in range(0, len(columns), _ABREAST)
    ]
    return joined[0] if len(joined) == 1 else _join(joined)


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _pieces(rows: pa.Array) -> Iterator[memoryview]:
    """The rows' text as it lies in memory, one row after the other."""
    offsets = memoryview(rows.buffers()[1]).cast("i")
    text = rows.buffers()[2]
    if text is None:
        return
    first, end = offsets[rows.offset], offsets[rows.offset + len(rows)]
    view = memoryview(text)
    for start in range(first, end, _PIECE):
        yield view[start : min(start + _PIECE, end)]
