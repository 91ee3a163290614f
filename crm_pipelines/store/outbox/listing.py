"""Looking into the outbox; rows as they are stored."""

from __future__ import annotations

from typing import Any

from crm_pipelines.model.command import Command, Entity, Status
from crm_pipelines.store.database import Database
from crm_pipelines.store.outbox.rows import command_of


def open_for(database: Database, workspace: str, record: str) -> list[Command]:
    """Commands of a record (``person/ID``) that are not through, in their order."""
    rows = database.run("outbox.open_for", {"workspace": workspace, "record": record})
    return [command_of(row) for row in rows]


def listing(
    database: Database,
    *,
    workspace: str,
    status: Status | None = None,
    entity: Entity | None = None,
    limit: int = 50,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Commands, the newest first; ``before`` is the id from which older ones are wanted."""
    rare = status is not None and status is not Status.DELIVERED
    values = {
        "workspace": workspace,
        "status": status,
        "entity": entity,
        "limit": limit,
        "before": before,
    }
    return list(database.run("outbox.listing_undelivered" if rare else "outbox.listing", values))


def get(database: Database, workspace: str, id_: int) -> dict[str, Any] | None:
    """One command of this tenant."""
    rows = database.run("outbox.get", {"workspace": workspace, "id": id_})
    return dict(rows[0]) if rows else None


def counts(database: Database, workspace: str) -> dict[str, int]:
    """How many commands there are in each state, none left out."""
    found = {
        row["status"]: int(row["commands"])
        for row in database.run("outbox.counts", {"workspace": workspace})
    }
    return {status.value: found.get(status.value, 0) for status in Status}
