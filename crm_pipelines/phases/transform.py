"""Transform: move and cast. Field paths become columns, text becomes types, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.csv_lines import LINE, to_texts, values_of
from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.source import RAW
from crm_pipelines.model.stream import KEY, Field, Type
from crm_pipelines.phases.columns import cast, strip_nul, whole
from crm_pipelines.phases.failures import ROW
from crm_pipelines.phases.members import Members
from crm_pipelines.phases.records import PROBLEMS, Problems, to_columns
from crm_pipelines.store.ahead import abreast
from crm_pipelines.store.digests import DIGEST, digest
from crm_pipelines.store.held import Held
from crm_pipelines.store.staging import Staging

PHASE = "transform"

UNCHANGED = "unchanged"
"""Folder of the keys of records that are left out."""


@dataclass(frozen=True)
class _Done:
    """One chunk, and what was noticed on the way."""

    chunk: Chunk
    unchanged: Chunk | None
    nuls: int
    members: Members


def transform(manifest: Manifest, staging: Staging, held: Held | None = None) -> Manifest:
    """Typed chunks, number by number from the fetched ones, without what is ``held`` already."""

    def work(numbered: tuple[int, Chunk]) -> _Done:
        return _transform(manifest, staging, held, *numbered)

    chunks, unchanged, stripped, members = list[Chunk](), list[Chunk](), 0, Members()
    with abreast(work, enumerate(manifest.chunks)) as done:
        for one in done:
            chunks.append(one.chunk)
            if one.unchanged:
                unchanged.append(one.unchanged)
            stripped += one.nuls
            members.add(one.members)
    notes = {"nul_bytes_removed": stripped, **members.notes}
    return manifest.advance(chunks=tuple(chunks), unchanged=tuple(unchanged), notes=notes)


def _transform(
    manifest: Manifest, staging: Staging, held: Held | None, number: int, chunk: Chunk
) -> _Done:
    records, fields, members = staging.read(chunk), manifest.fields, Members()
    digests = digest(records, [one.source for one in fields])
    keys = keys_of(records, fields)
    rows = held.news(keys, digests) if held and not keys.null_count else None
    unchanged = None
    if rows is not None:
        known = pa.table({KEY: _without(keys, rows)})
        unchanged = staging.write(manifest.key, UNCHANGED, number, known)
        if not len(rows):
            return _Done(Chunk("", 0), unchanged, 0, members)
        records, digests = records.take(rows), digests.take(rows)
    table, nuls = to_table(records, fields, members)
    if rows is not None:
        table = table.set_column(table.column_names.index(ROW), ROW, rows.cast(pa.int32()))
    table = table.append_column(DIGEST, digests)
    return _Done(staging.write(manifest.key, PHASE, number, table), unchanged, nuls, members)


def _without(values: pa.Array, rows: pa.Array) -> pa.Array:
    """All but those at these places."""
    places = pa.array(range(len(values)), pa.int64())
    return values.filter(pc.invert(pc.is_in(places, rows)))


def keys_of(records: pa.Table, fields: tuple[Field, ...]) -> pa.Array:
    """The keys of a fetched chunk, as texts; null for a record that has none of its type."""
    key = next(one for one in fields if one.name == KEY)
    if LINE in records.column_names:
        records = pa.table({key.source: values_of(records, key.source)})
    found, _ = to_table(records, (key,))
    return whole(found.column(KEY)).cast(pa.string())


def to_table(
    records: pa.Table, fields: tuple[Field, ...], members: Members | None = None
) -> tuple[pa.Table, int]:
    """One chunk as typed columns, and how many values lost NUL bytes.

    Two columns more: ``_row`` is the record's place in the chunk, ``_problems`` is there only if
    a record has any.
    """
    members = members or Members()
    if RAW in records.column_names:
        raw = [record.as_buffer() for record in records.column(RAW)]
        columns, problems = to_columns(raw, fields, members.unread)
        members.see_custom(columns, fields)
    else:
        texts, problems = records, {}
        if LINE in records.column_names:
            texts, broken = to_texts(records)
            problems = {row: {"*": reason} for row, reason in broken.items()}
        columns = dict(_by_header(texts, fields))
    typed: dict[str, pa.Array] = {}
    stripped = 0
    for field in fields:
        values, nuls = strip_nul(columns[field.name], field.type)
        stripped += nuls
        typed[field.name] = _typed(values, field, problems)
    typed[ROW] = pa.array(range(records.num_rows), pa.int32())
    if problems:
        typed[PROBLEMS] = _as_column(problems, records.num_rows)
    return pa.table(typed), stripped


def _by_header(records: pa.Table, fields: tuple[Field, ...]) -> Mapping[str, pa.Array]:
    """Columns of a CSV page by the CRM's own names; one the page lacks is null."""
    missing = pa.nulls(records.num_rows, pa.string())
    there = set(records.column_names)
    return {f.name: records.column(f.source) if f.source in there else missing for f in fields}


def _typed(values: pa.Array, field: Field, problems: Problems) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values
    typed, bad = cast(values, field.type)
    if bad is not None:
        for row in pc.indices_nonzero(bad).to_pylist():
            found = values[row].as_py()
            reason = f"not of type {_spoken(field.type)}: {found[:100]!r}"
            problems.setdefault(row, {})[field.name] = reason
    return typed


def _spoken(kind: Type) -> str:
    return {Type.TIMESTAMP: "date-time", Type.INTEGER: "integer"}.get(kind, kind.value)


def _as_column(problems: Problems, rows: int) -> pa.Array:
    texts = {row: msgspec.json.encode(reasons).decode() for row, reasons in problems.items()}
    return pa.array([texts.get(row) for row in range(rows)], pa.string())
