"""Validate: whole columns against types and rules; splits chunks into valid and rejected.

A record that cannot be stored as what its columns say it is (a value of the wrong type, no key)
is always rejected. What merely looks wrong rejects the record where the stream is strict;
elsewhere it is kept as it came and counted as a warning, because the mirror must say what the CRM
says. Nothing is dropped: a record is either valid or rejected.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.stream import KEY, Field, Stream
from crm_pipelines.phases.checks.findings import Finding, find
from crm_pipelines.phases.checks.remarks import Remarks
from crm_pipelines.phases.columns import whole
from crm_pipelines.phases.failures import ROW, as_failures
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.store.ahead import abreast
from crm_pipelines.store.staging import Staging

PHASE = "validate"
REJECTED = "rejected"
NO_KEY = {KEY: "missing"}
TOLD = 20
"""Kinds of warnings that a run's metadata names."""


def validate(
    manifest: Manifest, stream: Stream, staging: Staging, *, strict: bool, log: logging.Logger
) -> Manifest:
    """Valid chunks and chunks of failures. A chunk that is all valid is handed on as it is."""
    valid: list[Chunk] = []
    rejected: list[Chunk] = []
    warnings: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    remarks = Remarks(log, manifest.crm, manifest.stream)

    def judge(chunk: Chunk) -> tuple[pa.Table, pa.Table, pa.Table, list[Finding]] | None:
        if not chunk.rows:
            return None
        records = staging.read(chunk)
        return records, *split(records, stream, manifest.fields, strict=strict)

    with abreast(judge, manifest.chunks) as judged:
        for number, judgement in enumerate(judged):
            if judgement is None:
                valid.append(manifest.chunks[number])
                continue
            records, passed, failed, found = judgement
            remarks.tell_findings(records, found, strict=strict)
            if not strict:
                warnings.update({f.label: pc.sum(f.rows).as_py() for f in found})
            if not failed.num_rows:
                valid.append(manifest.chunks[number])
                continue
            failures = as_failures(failed, staging.read(manifest.raw[number]))
            remarks.tell_unreadable(failures, manifest.fields)
            rejected.append(staging.write(manifest.key, REJECTED, number, failures))
            reasons.update(_by_reason(failed))
            valid.append(staging.write(manifest.key, PHASE, number, passed))
    remarks.close()
    notes = {
        "warnings": dict(warnings.most_common(TOLD)),
        "rejected_by_reason": dict(reasons.most_common(TOLD)),
        "strict": strict,
    }
    return manifest.advance(chunks=tuple(valid), rejected=tuple(rejected), notes=notes)


def split(
    records: pa.Table, stream: Stream, fields: tuple[Field, ...], *, strict: bool
) -> tuple[pa.Table, pa.Table, list[Finding]]:
    """What passes, what fails (with reasons), and what looks wrong in records that are sound.

    The findings' masks are about ``records``.
    """
    unsound = whole(pc.is_null(records.column(KEY)))
    if PROBLEMS in records.column_names:
        unsound = pc.or_(unsound, whole(pc.is_valid(records.column(PROBLEMS))))
    sound = pc.invert(unsound)
    found = [f.among(sound) for f in find(records, stream, fields)]
    found = [f for f in found if pc.any(f.rows).as_py()]
    bad = unsound
    for finding in found if strict else ():
        bad = pc.or_(bad, finding.rows)
    if not pc.any(bad).as_py():
        return records, _told(records.slice(0, 0), found), found
    return _bare(records.filter(pc.invert(bad))), _told(records.filter(bad), found), found


def _told(failed: pa.Table, found: list[Finding]) -> pa.Table:
    """The records with their reasons."""
    reasons = _reasons(found) if failed.num_rows else {}
    told = [text or json.dumps(reasons.get(row, NO_KEY)) for row, text in _rows(failed)]
    return _bare(failed).append_column(PROBLEMS, pa.array(told, pa.string()))


def _bare(records: pa.Table) -> pa.Table:
    there = PROBLEMS in records.column_names
    return records.drop_columns([PROBLEMS]) if there else records


def _rows(failed: pa.Table) -> Iterable[tuple[int, str | None]]:
    rows = failed.column(ROW).to_pylist()
    if PROBLEMS not in failed.column_names:
        return ((row, None) for row in rows)
    return zip(rows, failed.column(PROBLEMS).to_pylist(), strict=True)


def _reasons(found: list[Finding]) -> dict[int, dict[str, str]]:
    """Reasons by column, by row; several about one column are joined."""
    told: dict[int, dict[str, str]] = {}
    for finding in found:
        for row in pc.indices_nonzero(finding.rows).to_pylist():
            reasons = told.setdefault(row, {})
            before = reasons.get(finding.name)
            reasons[finding.name] = f"{before}; {finding.reason}" if before else finding.reason
    return told


def _by_reason(failed: pa.Table) -> Counter[str]:
    """How often which column failed for which reason, whatever the value was."""
    counts: Counter[str] = Counter()
    for text in failed.column(PROBLEMS).to_pylist():
        for name, reason in json.loads(text).items():
            counts[f"{name}: {reason.partition(': ')[0]}"] += 1
    return counts
