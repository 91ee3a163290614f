"""Everything that looks wrong in one chunk: which rule says so of which rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.rules import CHECKS, AnyOf, NotBefore, Rule
from crm_pipelines.model.stream import Field, Stream, Type
from crm_pipelines.phases.checks.formats import misfits
from crm_pipelines.phases.columns import whole

_WESTERNMOST = 12 * 3600
"""Seconds by which the last zone on earth is behind UTC."""
_DAY = 24 * 3600


@dataclass(frozen=True)
class Finding:
    """A reason, filed under a column or a rule, and a mask of the rows it is about."""

    name: str
    reason: str
    rows: pa.Array
    of_rule: bool = False

    @property
    def label(self) -> str:
        """How counts of it are named."""
        return f"{self.name}: {self.reason}"

    def among(self, rows: pa.Array) -> Finding:
        """The part of it that is about these rows, given as a mask."""
        return replace(self, rows=pc.and_(self.rows, rows))


def find(records: pa.Table, stream: Stream, fields: tuple[Field, ...]) -> list[Finding]:
    """What is wrong with the records that the CRM has not marked as deleted."""
    columns = {field.name: whole(records.column(field.name)) for field in fields}
    found = [finding for field in fields for finding in _of_field(field, columns, stream)]
    wrong: dict[str, pa.Array] = {}
    for one in found:
        wrong[one.name] = pc.or_(wrong[one.name], one.rows) if one.name in wrong else one.rows
    found += [finding for rule in stream.rules for finding in _of_rule(rule, columns, wrong)]
    gone = columns.get(stream.deleted_field or "")
    if not found or gone is None:
        return found
    alive = pc.invert(pc.fill_null(gone, False))
    return [finding.among(alive) for finding in found]


def _of_field(field: Field, columns: dict[str, pa.Array], stream: Stream) -> Iterable[Finding]:
    values = columns[field.name]
    if field.name in stream.required:
        missing = _absent(values)
        if pc.any(missing).as_py():
            yield Finding(field.name, "missing", missing)
    if field.check:
        rows = misfits(values, field.check, columns.get(field.country))
        if rows is not None:
            yield Finding(field.name, CHECKS[field.check].reason, rows)
    if field.length and field.type is Type.TEXT and _bytes(values) > field.length:
        longer = pc.fill_null(pc.greater(pc.utf8_length(values), field.length), False)
        if pc.any(longer).as_py():
            yield Finding(field.name, f"longer than {field.length}", longer)


def _bytes(values: pa.Array) -> int:
    """Length of the longest text, in bytes, which is cheap to know and never too small."""
    return int(pc.max(pc.binary_length(values)).as_py() or 0)


def _absent(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values.is_null()
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True)


def _of_rule(
    rule: Rule, columns: dict[str, pa.Array], wrong: dict[str, pa.Array]
) -> Iterable[Finding]:
    rows = _none_of(rule, columns, wrong) if isinstance(rule, AnyOf) else _before(rule, columns)
    if rows is not None and pc.any(rows).as_py():
        yield Finding(rule.name, rule.reason, rows, of_rule=True)


def _none_of(
    rule: AnyOf, columns: dict[str, pa.Array], wrong: dict[str, pa.Array]
) -> pa.Array | None:
    empty: Any = None
    for name in rule.columns:
        if name not in columns:
            continue
        absent = _absent(columns[name])
        if name in wrong:
            absent = pc.or_(absent, wrong[name])
        empty = absent if empty is None else pc.and_(empty, absent)
    return empty


def _before(rule: NotBefore, columns: dict[str, pa.Array]) -> pa.Array | None:
    if rule.later not in columns or rule.earlier not in columns:
        return None
    later, earlier = columns[rule.later], columns[rule.earlier]
    if later.type == earlier.type:
        return pc.fill_null(pc.less(later, earlier), False)
    return pc.fill_null(pc.less(_latest(later), _earliest(earlier)), False)


def _latest(values: pa.Array) -> pa.Array:
    """Seconds; the end of a day where it ends last."""
    late = _DAY + _WESTERNMOST if pa.types.is_date(values.type) else 0
    return pc.add(_seconds(values), late)


def _earliest(values: pa.Array) -> pa.Array:
    """Seconds; the beginning of a day where it begins first."""
    early = 14 * 3600 if pa.types.is_date(values.type) else 0
    return pc.subtract(_seconds(values), early)


def _seconds(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("us"))
    return pc.divide(values.cast(pa.int64()), 1_000_000)
