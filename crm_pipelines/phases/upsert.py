"""Upsert: merge valid chunks into the mirror; data, history and watermark commit together."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Stream
from crm_pipelines.store import history, mirror_table
from crm_pipelines.store.database import Connection, Database, Rollback
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.queries import query
from crm_pipelines.store.staging import Staging


def upsert(
    manifest: Manifest,
    stream: Stream,
    *,
    run: str,
    database: Database,
    staging: Staging,
    metrics: dict[str, Any],
) -> tuple[Outcome, list[str]]:
    """Merge everything in one transaction; what happened, and the columns that were added.

    A dry run counts what the statements would do and leaves nothing behind.
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
        outcome, again = _merge_chunks(connection, target, manifest, staging)
        if dry:
            raise Rollback
        _commit_with(
            connection, target, manifest, outcome, staging, {**metrics, "written_again": again}
        )
    if manifest.options.dry_run:
        database.run("checkpoints.finish", {"key": manifest.key})
    return outcome, added


def _merge_chunks(
    connection: Connection, target: Target, manifest: Manifest, staging: Staging
) -> tuple[Outcome, int]:
    """What the statements counted, and how many rows this run wrote more than once."""
    preview = manifest.options.dry_run
    counts: Counter[str] = Counter()
    sweeping = manifest.slice.whole and manifest.complete
    about = _about(manifest, target.run)
    for chunk in manifest.chunks:
        mirror_table.load_chunk(connection, target, staging.read(chunk))
        if sweeping:
            mirror_table.note_seen(connection, target)
        if not preview:
            connection.execute(query("mirror.forget_rejected"), about)
        counts.update(mirror_table.merge(connection, target, preview=preview))
    if sweeping and _all_have_keys(connection, target, manifest, staging):
        counts["missing"] = mirror_table.bury_missing(connection, target, preview=preview)
    rejected = sum(chunk.rows for chunk in manifest.rejected)
    changed = counts["created"] + counts["updated"] + counts["deleted"]
    outcome = Outcome(
        fetched=sum(chunk.rows for chunk in manifest.raw),
        created=counts["created"],
        updated=counts["updated"],
        unchanged=counts["processed"] - changed,
        rejected=rejected,
        deleted=counts["deleted"] + counts["missing"],
        api_calls=manifest.notes["api_calls"],
        tokens=manifest.notes["tokens"],
    )
    return outcome, counts["again"]


def _all_have_keys(
    connection: Connection, target: Target, manifest: Manifest, staging: Staging
) -> bool:
    """Rejected records are alive too; one whose key cannot be read forbids tombstones."""
    mirror_table.prepare_seen(connection, target)
    for chunk in manifest.rejected:
        keys = staging.read(chunk).column("record_id").to_pylist()
        if None in keys:
            return False
        mirror_table.note_rejected(connection, target, keys)
    return True


def _commit_with(
    connection: Connection,
    target: Target,
    manifest: Manifest,
    outcome: Outcome,
    staging: Staging,
    metrics: dict[str, Any],
) -> None:
    about = _about(manifest, target.run)
    for chunk in manifest.rejected:
        history.reject(connection, about, staging.read(chunk).to_pylist())
    if manifest.slice.moves_watermark and manifest.complete:
        moved: dict[str, datetime | str] = {**about, "watermark": manifest.started_at}
        connection.execute(query("runs.move_watermark"), moved)
    history.record_run(
        connection,
        about,
        mode=manifest.options.mode.value,
        part=manifest.slice,
        status="partial" if outcome.rejected else "success",
        outcome=outcome,
        started_at=manifest.started_at,
        metrics=metrics,
    )
    connection.execute(query("checkpoints.finish"), {"key": manifest.key})


def _about(manifest: Manifest, run: str) -> dict[str, Any]:
    return {
        "run": run,
        "workspace": manifest.workspace,
        "crm": manifest.crm,
        "stream": manifest.stream,
    }
