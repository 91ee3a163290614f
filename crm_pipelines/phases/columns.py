"""Text to typed columns, whole columns at a time; what will not cast is named, never nulled."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model import json_text
from crm_pipelines.model.stream import Type

ARROW = {
    Type.INTEGER: pa.int64(),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.TIMESTAMP: pa.timestamp("us", "UTC"),
}
"""Types that Arrow holds; the others travel as text and PostgreSQL reads them."""

PATTERNS = {
    Type.INTEGER: r"^-?\d{1,19}$",
    Type.DECIMAL: r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$",
    Type.TIME: r"^([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?Z?$",
}
"""What text must look like where PostgreSQL does the reading, or Arrow reads more than numbers."""

_ZONE = r"(Z|[+-]\d\d:?(\d\d)?)$"


def cast(values: pa.Array, kind: Type) -> tuple[pa.Array, pa.Array | None]:
    """The typed column, and a mask of values that would not cast (null in the column), if any.

    Empty text is no value where something else than text is wanted.
    """
    values = whole(values)
    if kind is Type.TEXT or kind is Type.JSON:
        return values, None
    typed = _sound(values, kind)
    if typed is not None:
        return typed, None
    typed, bad = _with_care(values, kind)
    return typed, bad if pc.any(bad).as_py() else None


def _sound(values: pa.Array, kind: Type) -> pa.Array | None:
    """The typed column where every value is as it should be, which nearly all columns are."""
    if kind in PATTERNS:
        fits = pc.match_substring_regex(values, PATTERNS[kind])
        if pc.all(fits).as_py() is False:
            return None
    try:
        return values.cast(ARROW[kind]) if kind in ARROW else values
    except pa.ArrowInvalid:
        return None


def _with_care(values: pa.Array, kind: Type) -> tuple[pa.Array, pa.Array]:
    values = _where(pc.not_equal(values, ""), values)
    if kind not in PATTERNS:
        return _read(values, kind)
    fits = pc.fill_null(pc.match_substring_regex(values, PATTERNS[kind]), True)
    kept, unfit = _where(fits, values), pc.invert(fits)
    if kind not in ARROW:
        return kept, unfit
    typed, bad = _read(kept, kind)
    return typed, pc.or_(unfit, bad)


def _where(mask: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(mask, values, pa.scalar(None, values.type))


def _read(values: pa.Array, kind: Type) -> tuple[pa.Array, pa.Array]:
    if kind is Type.TIMESTAMP:
        zoned = pc.match_substring_regex(values, _ZONE)
        values = pc.if_else(zoned, values, pc.binary_join_element_wise(values, "Z", ""))
    try:
        return values.cast(ARROW[kind]), pa.array([False] * len(values), pa.bool_())
    except pa.ArrowInvalid:
        return _one_by_one(values, ARROW[kind])


def _one_by_one(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array]:
    """The slow way, for a chunk in which something is wrong."""
    kept: list[Any] = []
    bad: list[bool] = []
    for value in values:
        try:
            kept.append(value.cast(target).as_py() if value.is_valid else None)
            bad.append(False)
        except pa.ArrowInvalid:
            kept.append(None)
            bad.append(True)
    return pa.array(kept, target), pa.array(bad, pa.bool_())


def strip_nul(values: pa.Array, kind: Type) -> tuple[pa.Array, int]:
    """Text without NUL bytes, which PostgreSQL cannot store, and how many values had any."""
    values = whole(values)
    if not pa.types.is_string(values.type):
        return values, 0
    if kind is Type.JSON:
        return _strip_escaped(values)
    if not _has_nul(values):
        return values, 0
    found = pc.sum(pc.match_substring(values, "\0")).as_py() or 0
    return (pc.replace_substring(values, "\0", "") if found else values), int(found)


def _has_nul(values: pa.Array) -> bool:
    """Never false where there is one. All bytes at once take a tenth of the time values take."""
    text = values.buffers()[2]
    return text is not None and b"\0" in text.to_pybytes()


def _strip_escaped(values: pa.Array) -> tuple[pa.Array, int]:
    if not pc.any(pc.match_substring(values, "\\u0000")).as_py():
        return values, 0
    before = values.to_pylist()
    after = [None if text is None else json_text.strip_nul(text) for text in before]
    return pa.array(after, values.type), sum(a != b for a, b in zip(before, after, strict=True))


def whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if not isinstance(values, pa.ChunkedArray):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
