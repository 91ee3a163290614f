"""A run's chunks into the mirror table, one after the other: the next ones are read meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.stream import KEY
from crm_pipelines.phases.failures import as_failures
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.store import absence, first_load, merging, mirror_table, rejected
from crm_pipelines.store.ahead import abreast
from crm_pipelines.store.database import Connection
from crm_pipelines.store.index_shelf import WORTHWHILE, NotPlain, aside
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.refused import Refused, merge_or_halve
from crm_pipelines.store.spelling import Spelled, array_literal, spell
from crm_pipelines.store.staging import Staging

REFUSED = "refused"
"""Folder of the records that PostgreSQL does not take."""

Merge = Callable[[Spelled], Counter[str]]
Note = Callable[[pa.Array | pa.ChunkedArray], None]
"""Told the keys of records that are as they should be."""

Take = Callable[[Spelled], tuple[Counter[str], list[Refused]]]


@dataclass
class Poured:
    """What was counted, which records were rejected for which reasons, by all phases so far.

    ``fresh`` says that nothing was known of the stream before.
    """

    fresh: bool
    failures: list[Chunk]
    reasons: Counter[str]
    counts: Counter[str] = field(default_factory=Counter)


def pour(connection: Connection, target: Target, manifest: Manifest, staging: Staging) -> Poured:
    """Fill a table that holds nothing of the stream, else merge."""

    def take_all(take: Take, *, fresh: bool) -> Poured:
        return _take_all(connection, target, manifest, staging, take, fresh=fresh)

    note = _noting(connection, target, manifest)
    if note:
        for unchanged in manifest.unchanged:
            note(staging.read(unchanged).column(KEY))
    merge = _merging(connection, target, manifest, note)
    if manifest.options.dry_run or not first_load.is_fresh(connection, target):
        return take_all(_halving(connection, merge), fresh=False)
    found = None
    if manifest.rows >= WORTHWHILE:
        try:
            with aside(connection, target) as bare:
                if bare:
                    found = take_all(_filling_bare(connection, target), fresh=True)
        except NotPlain:
            found = None  # so seldom that a quicker way around it would not pay
    if found is None:
        filling = _filling(connection, target, merge)
        found = take_all(_halving(connection, filling), fresh=True)
    first_load.take_stock(connection, target)
    return found


def _halving(connection: Connection, merge: Merge) -> Take:
    return lambda chunk: merge_or_halve(connection, chunk, merge)


def _filling_bare(connection: Connection, target: Target) -> Take:
    def fill(chunk: Spelled) -> tuple[Counter[str], list[Refused]]:
        created = first_load.fill_bare(connection, target, chunk)
        return Counter(processed=chunk.num_rows, created=created), []

    return fill


def _filling(connection: Connection, target: Target, merge: Merge) -> Merge:
    def fill(chunk: Spelled) -> Counter[str]:
        created = first_load.fill(connection, target, chunk)
        if created is None:
            return merge(chunk)
        return Counter(processed=chunk.num_rows, created=created)

    return fill


def _noting(connection: Connection, target: Target, manifest: Manifest) -> Note | None:
    """Notes what a full sync sees, and what is no rejected record any more, if there is need."""
    sweeping = _sweeping(manifest)
    if sweeping:
        absence.prepare_seen(connection, target)
    forgetting = not manifest.options.dry_run and rejected.has_any(connection, target.parameters)

    def note(keys: pa.Array | pa.ChunkedArray) -> None:
        literal = array_literal(keys)
        if forgetting:
            rejected.forget_passed(connection, target.parameters, literal)
        if sweeping:
            absence.note_seen(connection, target, literal)

    return note if sweeping or forgetting else None


def _sweeping(manifest: Manifest) -> bool:
    return manifest.slice.whole and manifest.complete


def _merging(
    connection: Connection, target: Target, manifest: Manifest, note: Note | None
) -> Merge:
    preview, sweeping = manifest.options.dry_run, _sweeping(manifest)

    def merge(chunk: Spelled) -> Counter[str]:
        if note:
            note(chunk.keys)
        counts = merging.merge(connection, target, chunk, preview=preview, sweeping=sweeping)
        return Counter(processed=chunk.num_rows) + Counter(counts)

    return merge


def _take_all(
    connection: Connection,
    target: Target,
    manifest: Manifest,
    staging: Staging,
    take: Take,
    *,
    fresh: bool,
) -> Poured:
    """Every chunk by this way; what PostgreSQL refuses is left out and told."""
    reasons = Counter(manifest.notes.get("rejected_by_reason", {}))
    found = Poured(fresh, list(manifest.rejected), reasons)
    salt = mirror_table.salt(connection, target)
    assert salt is not None  # the table was made to fit

    def read(chunk: Chunk) -> Spelled | None:
        return spell(staging.read(chunk), target.columns, salt) if chunk.rows else None

    with abreast(read, manifest.chunks) as chunks:
        for number, chunk in enumerate(chunks):
            if chunk is None:
                continue
            counted, refused = take(chunk)
            found.counts += counted
            if refused:
                failures = _as_failures(refused, staging.read(manifest.raw[number]))
                found.failures.append(staging.write(manifest.key, REFUSED, number, failures))
                found.reasons.update(one.label for one in refused)
    return found


def _as_failures(refused: list[Refused], raw: pa.Table) -> pa.Table:
    """What PostgreSQL refuses, as it came from the CRM."""
    records = pa.concat_tables(one.record for one in refused)
    told = [json.dumps({one.column: one.reason}) for one in refused]
    return as_failures(records.append_column(PROBLEMS, pa.array(told, pa.string())), raw)
