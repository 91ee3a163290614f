"""Upsert: merge valid chunks into the mirror; data, history and watermark commit together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import Mode
from crm_pipelines.phases.failures import as_failures
from crm_pipelines.phases.records import PROBLEMS
from crm_pipelines.store import history, mirror_table, rejected
from crm_pipelines.store.database import Connection, Database, Rollback
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.queries import query
from crm_pipelines.store.refused import Refused, merge_or_halve
from crm_pipelines.store.staging import Staging


def upsert(
    manifest: Manifest,
    stream: Stream,
    *,
    run: str,
    database: Database,
    staging: Staging,
    measure: Callable[[Outcome], dict[str, Any]],
) -> tuple[Outcome, list[str], dict[str, int]]:
    """Merge everything in one transaction.

    Returns what happened, the columns that were added, and how many records were rejected for
    which reason; ``measure`` makes the metrics of the run's line of history. A dry run counts
    what the statements would do and leaves nothing behind.
    """
    target = Target(
        manifest.crm,
        stream,
        manifest.fields,
        manifest.workspace,
        run,
        manifest.started_at,
        force=manifest.options.force_overwrite,
    )
    dry = manifest.options.dry_run
    added: list[str] = []
    if not dry:
        with database.transaction() as connection:
            added = mirror_table.ensure(connection, target)
    with database.transaction() as connection:
        if dry:
            added = mirror_table.ensure(connection, target)
        name = f"{manifest.workspace} {manifest.crm}.{stream.table_name}"
        connection.execute(query("mirror.lock"), {"name": name})
        merged = _merge_chunks(connection, target, manifest, staging)
        if dry:
            raise Rollback
        _commit_with(connection, target, manifest, merged, measure)
    if manifest.options.dry_run:
        database.run("checkpoints.finish", {"key": manifest.key})
    return merged.outcome, added, merged.reasons


@dataclass(frozen=True)
class _Merged:
    """What the statements counted, what they wrote more than once, and what did not get in."""

    outcome: Outcome
    again: int
    failures: list[dict[str, Any]]
    reasons: dict[str, int]


def _merge_chunks(
    connection: Connection, target: Target, manifest: Manifest, staging: Staging
) -> _Merged:
    preview = manifest.options.dry_run
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter(manifest.notes.get("rejected_by_reason", {}))
    failures = [
        failure for chunk in manifest.rejected for failure in staging.read(chunk).to_pylist()
    ]
    sweeping = manifest.slice.whole and manifest.complete
    about = _about(manifest, target.run)

    def merge(records: pa.Table) -> Counter[str]:
        mirror_table.load_chunk(connection, target, records)
        if sweeping:
            mirror_table.note_seen(connection, target)
        if not preview:
            rejected.forget_passed(connection, about)
        return Counter(mirror_table.merge(connection, target, preview=preview))

    for number, chunk in enumerate(manifest.chunks):
        merged, refused = merge_or_halve(connection, staging.read(chunk), merge)
        counts += merged
        if refused:
            failures += _as_failures(refused, staging.read(manifest.raw[number]))
            reasons.update(one.label for one in refused)
    if sweeping and _all_have_keys(connection, target, failures):
        counts["missing"] = mirror_table.bury_missing(connection, target, preview=preview)
        if not preview:
            rejected.forget_unseen(connection, about, manifest.started_at)
    outcome = _outcome(manifest, counts, len(failures))
    return _Merged(outcome, counts["again"], failures, dict(reasons))


def _outcome(manifest: Manifest, counts: Counter[str], failed: int) -> Outcome:
    changed = counts["created"] + counts["updated"] + counts["deleted"]
    return Outcome(
        fetched=sum(chunk.rows for chunk in manifest.raw),
        created=counts["created"],
        updated=counts["updated"],
        unchanged=counts["processed"] - changed,
        rejected=failed,
        deleted=counts["deleted"] + counts["missing"],
        api_calls=manifest.notes["api_calls"],
        tokens=manifest.notes["tokens"],
    )


def _as_failures(refused: list[Refused], raw: pa.Table) -> list[dict[str, Any]]:
    """What PostgreSQL refuses, as it came from the CRM."""
    found = []
    for one in refused:
        told = pa.array([json.dumps({one.column: one.reason})], pa.string())
        found += as_failures(one.record.append_column(PROBLEMS, told), raw).to_pylist()
    return found


def _all_have_keys(connection: Connection, target: Target, failures: list[dict[str, Any]]) -> bool:
    """Rejected records are alive too; one whose key cannot be read forbids tombstones."""
    mirror_table.prepare_seen(connection, target)
    keys = [failure["record_id"] for failure in failures]
    if None in keys:
        return False
    mirror_table.note_rejected(connection, target, keys)
    return True


def _commit_with(
    connection: Connection,
    target: Target,
    manifest: Manifest,
    merged: _Merged,
    measure: Callable[[Outcome], dict[str, Any]],
) -> None:
    about, retrying = _about(manifest, target.run), manifest.options.mode is Mode.RETRY
    rejected.reject(
        connection, about, merged.failures, fetched_at=manifest.started_at, again=retrying
    )
    if not retrying:
        rejected.keep_fields(connection, about, manifest.fields)
    if manifest.slice.moves_watermark and manifest.complete:
        moved: dict[str, datetime | str] = {**about, "watermark": manifest.started_at}
        connection.execute(query("runs.move_watermark"), moved)
    remarks = {"written_again": merged.again, "rejected_by_reason": merged.reasons}
    history.record_run(
        connection,
        about,
        mode=manifest.options.mode.value,
        part=manifest.slice,
        status="partial" if merged.outcome.rejected else "success",
        outcome=merged.outcome,
        started_at=manifest.started_at,
        metrics={**measure(merged.outcome), **remarks},
    )
    connection.execute(query("checkpoints.finish"), {"key": manifest.key})


def _about(manifest: Manifest, run: str) -> dict[str, Any]:
    return {
        "run": run,
        "workspace": manifest.workspace,
        "crm": manifest.crm,
        "stream": manifest.stream,
    }
