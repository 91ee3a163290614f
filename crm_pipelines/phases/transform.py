"""Transform: move and cast. Field paths become columns, text becomes types, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.source import RAW
from crm_pipelines.model.stream import Field, Type
from crm_pipelines.phases.columns import cast, strip_nul
from crm_pipelines.phases.failures import ROW
from crm_pipelines.phases.members import Members
from crm_pipelines.phases.records import PROBLEMS, Problems, to_columns
from crm_pipelines.store.ahead import abreast
from crm_pipelines.store.staging import Staging

PHASE = "transform"


def transform(manifest: Manifest, staging: Staging) -> Manifest:
    """Typed chunks, number by number from the fetched ones."""
    chunks, stripped, members = [], 0, Members()

    def work(numbered: tuple[int, Chunk]) -> tuple[Chunk, int, Members]:
        number, chunk = numbered
        seen = Members()
        table, nuls = to_table(staging.read(chunk), manifest.fields, seen)
        return staging.write(manifest.key, PHASE, number, table), nuls, seen

    with abreast(work, enumerate(manifest.chunks)) as done:
        for chunk, nuls, seen in done:
            chunks.append(chunk)
            stripped += nuls
            members.add(seen)
    notes = {"nul_bytes_removed": stripped, **members.notes}
    return manifest.advance(chunks=tuple(chunks), notes=notes)


def to_table(
    records: pa.Table, fields: tuple[Field, ...], members: Members | None = None
) -> tuple[pa.Table, int]:
    """One chunk as typed columns, and how many values lost NUL bytes.

    Two columns more: ``_row`` is the record's place in the chunk, ``_problems`` is there only if
    a record has any.
    """
    members = members or Members()
    if RAW in records.column_names:
        raw = records.column(RAW).to_pylist()
        columns, problems = to_columns(raw, fields, members.unread)
        members.see_custom(columns, fields)
    else:
        columns, problems = dict(_by_header(records, fields)), {}
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
