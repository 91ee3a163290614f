"""What happened around a contact: activities of both sides, stage changes and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from crm_pipelines.store.database import Database
from crm_pipelines.store.queries import query

OTHER = "ACTIVITY_LOGGED"
TYPES: Mapping[tuple[str, str], str] = {
    ("activity", "email"): "EMAIL_SENT",
    ("activity", "call"): "CALL_MADE",
    ("activity", "meeting"): "MEETING_SCHEDULED",
    ("activity", "task"): "TASK_CREATED",
    ("activity", "deadline"): "DEADLINE_SET",
    ("message", "sent"): "MESSAGE_SENT",
    ("message", "received"): "MESSAGE_RECEIVED",
    ("stage", "first"): "DEAL_CREATED",
    ("stage", "next"): "STAGE_CHANGED",
}
"""What an entry is called, by where it comes from and what it is there."""


@dataclass(frozen=True)
class Entry:
    """Something that happened; ``at`` is aware, ``id`` is one of a kind within the timeline."""

    id: str
    type: str
    at: datetime
    title: str | None
    description: str | None
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A message as it is reported. ``id`` is the reporting program's own, if it has one;
    ``deal`` is the id of a row of the local side; ``sent_at`` is aware."""

    contact: str
    direction: str
    channel: str
    sent_at: datetime
    id: str | None = None
    subject: str | None = None
    body: str | None = None
    deal: str | None = None


def page(
    database: Database,
    workspace: str,
    contact: str,
    *,
    limit: int,
    before: datetime | None = None,
    before_id: str = "",
) -> list[Entry] | None:
    """Entries, the newest first, older than a moment or than an entry of that moment.

    ``None`` where there is no such contact. Mirrors that were never synced count as empty.
    """
    values = {
        "workspace": workspace,
        "contact": contact,
        "most": limit,
        "before": before,
        "before_id": before_id,
    }
    with database.connection() as connection:
        there = {row["name"] for row in connection.execute(query("timeline.mirrors"))}
        statement = sql.SQL(query("timeline.page")).format(
            **{name: _mirror(name, there) for name in ("activities", "deals", "stages")}
        )
        rows = connection.execute(statement, values).fetchall()
    return [_entry(row) for row in rows if row["id"] is not None] if rows else None


def report(database: Database, workspace: str, message: Message) -> tuple[str, bool] | None:
    """Keep a message; its id, and whether it is new. Contact and deal have to be there.

    ``None`` where the id is that of another contact's message.
    """
    values = {name: getattr(message, name) for name in Message.__dataclass_fields__}
    rows = database.run("timeline.report_message", {"workspace": workspace, **values})
    return (rows[0]["id"], rows[0]["made"]) if rows else None


def _mirror(name: str, there: set[str]) -> sql.Composable:
    if name in there:
        return sql.Identifier("pipedrive", name)
    return sql.SQL("({})").format(sql.SQL(query(f"timeline.no_{name}")))


def _entry(row: Mapping[str, Any]) -> Entry:
    kind = (row["source"], (row["kind"] or "").strip().lower())
    return Entry(
        id=row["id"],
        type=TYPES.get(kind, OTHER),
        at=row["at"],
        title=row["title"],
        description=row["description"],
        metadata=row["metadata"],
    )
