"""Whose turn it is, and what came before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import Action, Incoming
from crm_pipelines.store.database import Database

MOST_BYTES = 32 * 1024 * 1024
"""Bodies of one batch together, give or take one."""

Record = tuple[str, str]
"""Object and id, as events name a record."""


@dataclass(frozen=True)
class Newest:
    """The newest event of a record that was settled before."""

    at: datetime
    id: int
    action: Action


def waiting(database: Database, workspace: str, crm: str, most: int) -> list[Incoming]:
    """Deliveries whose time has come, those that have waited longest first."""
    values = {"workspace": workspace, "crm": crm, "most": most, "most_bytes": MOST_BYTES}
    return [Incoming(**row) for row in database.run("inbox.waiting", values)]


def still_waiting(database: Database, ids: Collection[int]) -> set[int]:
    """Those that nobody has settled meanwhile."""
    return {row["id"] for row in database.run("inbox.still_waiting", {"ids": list(ids)})}


def newest(
    database: Database, workspace: str, crm: str, records: Collection[Record]
) -> Mapping[Record, Newest]:
    """What was applied of these records, by record; those without any are left out."""
    chosen = sorted(records)
    values = {
        "workspace": workspace,
        "crm": crm,
        "objects": [object_ for object_, _ in chosen],
        "remote_ids": [id_ for _, id_ in chosen],
    }
    return {
        (row["object"], row["remote_id"]): Newest(row["event_at"], row["id"], Action(row["action"]))
        for row in database.run("inbox.newest", values)
    }


def linked(database: Database, workspace: str, entity: Entity, ids: Collection[str]) -> set[str]:
    """Those of some records that a row of the local side is linked to."""
    values = {"workspace": workspace, "entity": entity, "ids": [int(one) for one in ids]}
    return {str(row["id"]) for row in database.run("inbox.linked", values)}


def rejected(
    database: Database, workspace: str, crm: str, runs: Collection[str]
) -> Mapping[tuple[str, str], str]:
    """Why records were rejected in these runs, by stream and id."""
    if not runs:
        return {}
    values = {"workspace": workspace, "crm": crm, "runs": list(runs)}
    return {
        (row["stream"], row["record_id"]): f"rejected: {row['reasons']}"
        for row in database.run("inbox.rejected", values)
    }
