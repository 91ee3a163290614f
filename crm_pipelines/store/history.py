"""Sync history, watermarks and rejected records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from crm_pipelines.model import json_text
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


def reject(
    connection: Connection, about: dict[str, Any], records: Iterable[dict[str, Any]]
) -> None:
    """Keep records that did not pass; one without a key is known by a hash of itself."""
    with connection.cursor() as cursor:
        cursor.executemany(
            query("runs.reject"),
            [
                {
                    **about,
                    "record_id": record["record_id"] or _fingerprint(record["raw"]),
                    "raw": _storable(record["raw"]),
                    "reasons": _storable(record["reasons"]),
                }
                for record in records
            ],
        )


def _fingerprint(raw: str) -> str:
    return "sha256:" + hashlib.sha256(raw.encode()).hexdigest()[:32]


def _storable(text: str) -> Jsonb:
    """JSON digit by digit if it is JSON, else the text itself; without NULs."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.MsgspecError:
        text = json.dumps(text)
    return Jsonb(json_text.strip_nul(text), dumps=str)
