"""Digests of records as they came: what tells, without a look at any value, that one is known."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.csv_lines import LINE, names_of
from crm_pipelines.model.source import RAW

DIGEST = "_digest"
"""Column of chunks and of mirror tables: the digest of the record that a row was made from."""

_SEPARATOR, _NULL, _ESCAPE = "\x1f", "\x1e", "\x1d"
_ESCAPES = {_ESCAPE: "\x1d1", _SEPARATOR: "\x1d2", _NULL: "\x1d3"}
"""The escape itself comes first: the others bring one."""

_ABREAST = 16
"""Columns that are joined at a time."""

_SHA1 = 20
"""Bytes of a SHA-1."""

_HASHED = (1 << 56) - 1
"""Bits of a digest that come from the record; the others tell what was to be made of it."""


def digest(records: pa.Table, sources: Sequence[str]) -> pa.Array:
    """A number for each record of a fetched chunk: equal records have equal numbers.

    Of a record in columns, those of these names count, in this order. A line counts as it is,
    together with what its values are called.
    """
    if RAW in records.column_names:
        return _numbers(_whole(records.column(RAW)))
    if LINE in records.column_names:
        lines = _numbers(_whole(records.column(LINE)))
        return salted(lines, salt_of(names_of(records)) & _HASHED)
    there = set(records.column_names)
    missing = pa.nulls(records.num_rows, pa.string())
    columns = [_whole(records.column(name)) if name in there else missing for name in sources]
    return _numbers(_join([_escaped(each) for each in columns], records.num_rows))


def salted(digests: pa.Array, salt: int) -> pa.Array:
    """Digests that are equal only if the salt is, too."""
    return pc.bit_wise_xor(digests, pa.scalar(salt, pa.int64()))


def salt_of(*described: object) -> int:
    """A number for what is made of records; equal descriptions have equal numbers."""
    found = sha1(repr(described).encode(), usedforsecurity=False).digest()[:8]
    return int.from_bytes(found, "little", signed=True)


def _numbers(texts: pa.Array) -> pa.Array:
    """Whoever knows a collision gains nothing, so the fast hash will do."""
    offsets = memoryview(texts.buffers()[1]).cast("i")[texts.offset :][: len(texts) + 1].tolist()
    text = memoryview(texts.buffers()[2] or b"")
    found = [sha1(text[a:b], usedforsecurity=False).digest() for a, b in pairwise(offsets)]
    hashed = pa.py_buffer(b"".join(found))
    numbers = pa.Array.from_buffers(pa.binary(_SHA1), len(found), [None, hashed])
    first = pc.binary_slice(numbers, 0, 8).view(pa.int64())
    return pc.bit_wise_and(first, pa.scalar(_HASHED, pa.int64()))


def _escaped(values: pa.Array) -> pa.Array:
    """Without the characters that have a meaning here, which hardly any text has."""
    buffer = values.buffers()[2] if len(values.buffers()) > 2 else None
    text = buffer.to_pybytes() if buffer is not None else b""
    for character, escape in _ESCAPES.items():
        if character.encode() in text:
            values = pc.replace_substring(values, character, escape)
    return values


def _join(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Every record's texts as one. Joining few columns at a time is kinder to the caches."""
    joined = [
        pc.binary_join_element_wise(
            *columns[first : first + _ABREAST],
            _SEPARATOR,
            null_handling="replace",
            null_replacement=_NULL,
        )
        for first in range(0, len(columns), _ABREAST)
    ]
    if not joined:
        return pa.array([""] * rows, pa.string())
    return joined[0] if len(joined) == 1 else _join(joined, rows)


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
