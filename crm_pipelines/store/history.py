"""Sync history and watermarks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.window import Slice
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


def database_time(database: Database) -> datetime:
    """The clock that everything is stamped by."""
    now: datetime = database.run("runs.now")[0]["now"]
    return now


def watermark(database: Database, workspace: str, crm: str, stream: str) -> datetime | None:
    """How far a stream is safe, ``None`` before its first full sync."""
    rows = database.run("runs.watermark", {"workspace": workspace, "crm": crm, "stream": stream})
    return rows[0]["watermark"] if rows else None


def metric_of_run(database: Database, stream: tuple[str, str, str], run: str, name: str) -> Any:
    """A metric of a run of a stream (workspace, crm, name); ``None`` where it has none."""
    of_stream = (
        line["metrics"]
        for line in reversed(database.run("runs.of_run", {"run": run}))
        if (line["workspace_id"], line["crm"], line["stream"]) == stream
    )
    return next((metrics[name] for metrics in of_stream if name in metrics), None)


def record_run(
    connection: Connection,
    about: dict[str, Any],
    *,
    mode: str,
    part: Slice,
    status: str,
    outcome: Outcome,
    started_at: datetime,
    error: str | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    """One line of history. ``about`` names run, workspace, crm and stream."""
    connection.execute(
        query("runs.record"),
        {
            **about,
            "mode": mode,
            "start": part.start,
            "end": part.end,
            "status": status,
            "processed": outcome.fetched,
            "created": outcome.created,
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "rejected": outcome.rejected,
            "deleted": outcome.deleted,
            "api_calls": outcome.api_calls,
            "tokens": outcome.tokens,
            "started_at": started_at,
            "error": error,
            "metrics": Jsonb(metrics or {}),
        },
    )
