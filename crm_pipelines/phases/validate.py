"""Validate: whole columns against types and rules; splits chunks into valid and rejected.

A record is rejected only when it cannot be stored as what its columns say it is: a value of the
wrong type, or no key. Everything else that looks wrong is kept and counted as a warning, because
the mirror must say what the CRM says.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.rules import CHECKS
from crm_pipelines.model.source import RAW
from crm_pipelines.model.stream import KEY, Field, Stream, Type
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.store.staging import Staging

PHASE = "validate"
REJECTED = "rejected"


def validate(manifest: Manifest, stream: Stream, staging: Staging) -> Manifest:
    """Valid chunks, and rejected ones with columns ``record_id``, ``raw`` and ``reasons``."""
    valid: list[Chunk] = []
    rejected: list[Chunk] = []
    warnings: Counter[str] = Counter()
    for number, chunk in enumerate(manifest.chunks):
        records = staging.read(chunk)
        bad = pc.or_(pc.is_valid(records.column(PROBLEMS)), pc.is_null(records.column(KEY)))
        if pc.any(bad).as_py():
            raw = staging.read(manifest.raw[number])
            failures = _failures(records.filter(bad), raw.filter(bad))
            rejected.append(staging.write(manifest.key, REJECTED, number, failures))
            records = records.filter(pc.invert(bad))
        warnings.update(_warnings(records, stream, manifest.fields))
        records = records.drop_columns([PROBLEMS])
        valid.append(staging.write(manifest.key, PHASE, number, records))
    notes = {"warnings": dict(warnings.most_common(20))}
    return manifest.advance(chunks=tuple(valid), rejected=tuple(rejected), notes=notes)


def _failures(records: pa.Table, raw: pa.Table) -> pa.Table:
    """What cannot be stored, as it came, with a reason per field."""
    reasons = [
        text if text is not None else json.dumps({KEY: "missing"})
        for text in records.column(PROBLEMS).to_pylist()
    ]
    keys = [None if key is None else str(key) for key in records.column(KEY).to_pylist()]
    return pa.table(
        {
            "record_id": pa.array(keys, pa.string()),
            "raw": pa.array(_texts(raw), pa.string()),
            "reasons": pa.array(reasons, pa.string()),
        }
    )


def _texts(raw: pa.Table) -> list[str]:
    if RAW in raw.column_names:
        return [text.decode(errors="replace") for text in raw.column(RAW).to_pylist()]
    return [json.dumps(row, ensure_ascii=False) for row in raw.to_pylist()]


def _warnings(records: pa.Table, stream: Stream, fields: tuple[Field, ...]) -> dict[str, int]:
    """How many values of which column look wrong, by rule."""
    found = {}
    for field in fields:
        values = records.column(field.name)
        if field.name in stream.required:
            found[f"{field.name}: missing"] = values.null_count
        if field.check:
            found[f"{field.name}: no {field.check}"] = _misfits(values, CHECKS[field.check])
        if field.length and field.type is Type.TEXT:
            lengths: Any = pc.utf8_length(values)
            longer = pc.sum(pc.greater(lengths, field.length)).as_py()
            found[f"{field.name}: longer than {field.length}"] = longer or 0
    return {name: number for name, number in found.items() if number}


def _misfits(values: pa.ChunkedArray, pattern: str) -> int:
    fits = pc.match_substring_regex(values, pattern)
    return int(pc.sum(pc.invert(fits)).as_py() or 0)
