"""Linked rows whose record does not say what they say, as the mirror shows it."""

from __future__ import annotations

from typing import Any

from crm_pipelines.model.command import Entity, Kind, Trigger, Wanted
from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database

MOST = 5_000
"""Rows of a kind that are mended at a time; the next time takes the rest."""

TABLES = {
    Entity.PERSON: "persons",
    Entity.ORGANIZATION: "organizations",
    Entity.DEAL: "deals",
    Entity.ACTIVITY: "activities",
}
PRIORITY = 4


def enqueue(database: Database, workspace: str, crm: str) -> int:
    """An update for each of them, made from what the mirror shows; how many.

    A row counts where it was changed after its record, the mirror has read the record since our
    last write, and no command of it is under way or was delivered since.
    """
    found = 0
    for entity, table in TABLES.items():
        there = database.run("push.mirror_exists", {"table": f"{crm}.{table}"})[0]["there"]
        if not there:
            continue
        rows = database.run(f"drift.{entity}", {"workspace": workspace, "most": MOST})
        with database.transaction() as connection:
            for row in rows:
                outbox.enqueue(connection, _wanted(workspace, crm, entity, row))
        found += len(rows)
    return found


def _wanted(workspace: str, crm: str, entity: Entity, row: dict[str, Any]) -> Wanted:
    differs = [name for name in row["ours"] if row["ours"][name] != row["theirs"][name]]
    return Wanted(
        workspace=workspace,
        crm=crm,
        entity=entity,
        kind=Kind.UPDATE,
        payload={name: row["ours"][name] for name in differs},
        base={name: row["theirs"][name] for name in differs},
        local_id=row["id"],
        remote_id=row["remote_id"],
        trigger=Trigger.RECONCILIATION,
        priority=PRIORITY,
    )
