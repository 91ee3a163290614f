"""The audit log: lines go in and are read; nothing here could change one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.model.audit import Entry
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


def append(connection: Connection, entry: Entry) -> None:
    """Add a line, in the transaction of what it tells of."""
    connection.execute(
        query("audit.append"),
        {
            "who": entry.who,
            "workspace": entry.workspace,
            "crm": entry.crm,
            "action": entry.action,
            "subject": entry.subject,
            "before": _json(entry.before),
            "after": _json(entry.after),
            "run": entry.run,
            "details": _json(entry.details),
        },
    )


def latest(
    database: Database,
    most: int,
    *,
    workspace: str = "",
    crm: str = "",
    action: str = "",
    subject: str = "",
    since: datetime | None = None,
) -> list[dict[str, Any]]:
    """The last lines, newest first. ``action`` may be its noun alone."""
    filters = {"workspace": workspace, "crm": crm, "action": action, "subject": subject}
    return list(database.run("audit.latest", {**filters, "since": since, "most": most}))


def _json(value: Mapping[str, Any] | None) -> Jsonb | None:
    return None if value is None else Jsonb(dict(value))
