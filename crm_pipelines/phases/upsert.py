"""Upsert: merge valid chunks into the mirror; data, history and watermark commit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_pipelines.model.drift import NOTE, Drift
from crm_pipelines.model.manifest import Chunk, Manifest, Outcome
from crm_pipelines.model.window import Mode
from crm_pipelines.phases.drift import drift_of, to_remember
from crm_pipelines.phases.pouring import pour
from crm_pipelines.store import absence, history, mirror_table, rejected
from crm_pipelines.store.database import Connection, Database, Rollback
from crm_pipelines.store.known import recall, remember
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.queries import query
from crm_pipelines.store.staging import Staging


def upsert(
    manifest: Manifest,
    *,
    target: Target,
    database: Database,
    staging: Staging,
    measure: Callable[[Outcome], dict[str, Any]],
) -> tuple[Outcome, Drift, dict[str, int]]:
    """Merge everything in one transaction.

    Returns what happened, what is new about the fields, and how many records were rejected for
    which reason; ``measure`` makes the metrics of the run's line of history. A dry run counts
    what the statements would do and leaves nothing behind.
    """
    dry = manifest.options.dry_run
    about = _about(manifest, target.run)
    known = recall(database, about)
    if not dry:
        with database.transaction() as connection:
            shape = mirror_table.ensure(connection, target, known.fields)
    with database.transaction() as connection:
        name = f"{manifest.workspace} {manifest.crm}.{target.stream.table_name}"
        connection.execute(query("mirror.lock"), {"name": name})
        connection.execute("SET LOCAL TIME ZONE 'UTC'")  # how a date is read as a moment
        if dry:
            shape = mirror_table.ensure(connection, target)
        drift = drift_of(manifest, known, shape)
        merged = _merge_chunks(connection, target, manifest, staging)
        if dry:
            raise Rollback
        _commit_with(connection, target, manifest, merged, measure, drift)
        if manifest.options.mode is not Mode.RETRY:
            remember(connection, about, to_remember(manifest, known))
    if manifest.options.dry_run:
        database.run("checkpoints.finish", {"key": manifest.key})
    return merged.outcome, drift, merged.reasons


@dataclass(frozen=True)
class _Merged:
    """What the statements counted, what they wrote more than once, why records were rejected."""

    outcome: Outcome
    again: int
    reasons: dict[str, int]


def _merge_chunks(
    connection: Connection, target: Target, manifest: Manifest, staging: Staging
) -> _Merged:
    preview = manifest.options.dry_run
    about = _about(manifest, target.run)
    found = pour(connection, target, manifest, staging)
    counts, failures = found.counts, found.failures
    if not preview:
        _reject(connection, manifest, about, failures, staging)
    sweeping = manifest.slice.whole and manifest.complete and not found.fresh
    if sweeping and _all_have_keys(connection, target, failures, staging):
        counts["missing"] = absence.bury_missing(connection, target, preview=preview)
        if not preview:
            rejected.forget_unseen(connection, about, manifest.started_at)
    outcome = _outcome(manifest, counts, sum(chunk.rows for chunk in failures))
    return _Merged(outcome, counts["again"], dict(found.reasons))


def _outcome(manifest: Manifest, counts: Counter[str], failed: int) -> Outcome:
    changed = counts["created"] + counts["updated"] + counts["deleted"]
    known = sum(chunk.rows for chunk in manifest.unchanged)
    return Outcome(
        fetched=sum(chunk.rows for chunk in manifest.raw),
        created=counts["created"],
        updated=counts["updated"],
        unchanged=known + counts["processed"] - changed,
        rejected=failed,
        deleted=counts["deleted"] + counts["missing"],
        api_calls=manifest.notes["api_calls"],
        tokens=manifest.notes["tokens"],
    )


def _reject(
    connection: Connection,
    manifest: Manifest,
    about: dict[str, Any],
    failures: list[Chunk],
    staging: Staging,
) -> None:
    for chunk in failures:
        rejected.reject(
            connection,
            about,
            staging.read(chunk).to_pylist(),
            fetched_at=manifest.started_at,
            again=manifest.options.mode is Mode.RETRY,
        )


def _all_have_keys(
    connection: Connection, target: Target, failures: list[Chunk], staging: Staging
) -> bool:
    """Rejected records are alive too; one whose key cannot be read forbids tombstones."""
    absence.prepare_seen(connection, target)
    for chunk in failures:
        keys = staging.read(chunk).column("record_id").to_pylist()
        if None in keys:
            return False
        absence.note_seen(connection, target, keys)
    return True


def _commit_with(
    connection: Connection,
    target: Target,
    manifest: Manifest,
    merged: _Merged,
    measure: Callable[[Outcome], dict[str, Any]],
    drift: Drift,
) -> None:
    about = _about(manifest, target.run)
    if manifest.slice.moves_watermark and manifest.complete:
        moved: dict[str, datetime | str] = {**about, "watermark": manifest.started_at}
        connection.execute(query("runs.move_watermark"), moved)
    remarks = {
        "written_again": merged.again,
        "rejected_by_reason": merged.reasons,
        NOTE: drift.notes,
    }
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
