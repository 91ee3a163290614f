"""Looking into the inbox, and having deliveries applied once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm_pipelines.model.audit import Entry
from crm_pipelines.model.event import State
from crm_pipelines.store import audit
from crm_pipelines.store.database import Database
from crm_pipelines.store.queries import query

Kind = tuple[str, str, str]
"""CRM, object and action."""


def listing(
    database: Database,
    *,
    workspace: str,
    status: State | None = None,
    object: str | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Deliveries without their bodies, the newest first; ``before`` is the id from which older
    ones are wanted."""
    values = {
        "workspace": workspace,
        "status": status,
        "object": object,
        "limit": limit,
        "before": before,
    }
    return list(database.run("inbox.listing", values))


def show(database: Database, workspace: str, id: int) -> dict[str, Any] | None:
    """One delivery of this tenant, its body as it came."""
    rows = database.run("inbox.show", {"workspace": workspace, "id": id})
    return dict(rows[0]) if rows else None


def replay(
    database: Database,
    workspace: str,
    *,
    ids: Sequence[int] = (),
    status: State | None = None,
    who: str,
) -> int:
    """These, or all of a status, wait for their turn again as if new; how many that were.

    Those that wait already are passed over. The audit log tells ``who`` wanted it.
    """
    values = {"workspace": workspace, "ids": list(ids), "status": status}
    with database.transaction() as connection:
        rows = connection.execute(query("inbox.replay"), values).fetchall()
        if rows:
            connection.execute(query("inbox.announce"))
            said = {"ids": list(ids), "status": status, "replayed": len(rows)}
            entry = Entry("inbox.replay", workspace, subject="inbox", who=who, details=said)
            audit.append(connection, entry)
    return len(rows)


def counts(database: Database, workspace: str) -> Mapping[str, int]:
    """How many deliveries there are in each state, none left out."""
    found = {
        row["status"]: int(row["deliveries"])
        for row in database.run("inbox.counts", {"workspace": workspace})
    }
    return {state.value: found.get(state.value, 0) for state in State}


def oldest_waiting_seconds(database: Database, workspace: str) -> float | None:
    """How long the oldest delivery has waited; ``None`` where none waits."""
    seconds: float | None = database.run("inbox.oldest_waiting", {"workspace": workspace})[0][
        "seconds"
    ]
    return seconds


def last_by_kind(database: Database, workspace: str) -> Mapping[Kind, datetime]:
    """When the last delivery of each kind came that has been read."""
    return {
        (row["crm"], row["object"], row["action"]): row["received_at"]
        for row in database.run("inbox.last_by_kind", {"workspace": workspace})
    }
