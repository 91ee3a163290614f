"""The history of deals: adding to it, reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


def note(
    connection: Connection, workspace: str, crm: str, told: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Add what is told of deals, whatever of it is known; the ids of rows that are new.

    What it sets off is decided in the same transaction. Keys are those of ``sync.note_stages``.
    """
    if not told:
        return []
    values = {"workspace": workspace, "crm": crm, "told": Jsonb([dict(one) for one in told])}
    row = connection.execute(query("stages.note"), values).fetchone()
    assert row is not None
    return list(row["ids"])


def complete(database: Database, workspace: str, crm: str, most: int) -> int | None:
    """Add what the mirror shows of so many deals; ``None`` when nothing of it is left to add."""
    values = {"workspace": workspace, "crm": crm, "most": most}
    found: int | None = database.run("stages.complete", values)[0]["added"]
    return found


def of_deal(database: Database, workspace: str, crm: str, deal_id: int) -> list[dict[str, Any]]:
    """Its stages, the first first; with names as far as the mirror has them."""
    values = {"workspace": workspace, "crm": crm, "deal_id": deal_id}
    there = database.run("stages.mirrored", {"table": f"{crm}.stages"})[0]["there"]
    name = "stages.history_named" if there and crm == "pipedrive" else "stages.history"
    return [dict(row) for row in database.run(name, values)]


def past_of(database: Database, workspace: str, crm: str, deal_id: int) -> dict[str, Any] | None:
    """How far the past of a deal is known; ``None`` for a deal that nothing is known of."""
    values = {"workspace": workspace, "crm": crm, "deal_id": deal_id}
    rows = database.run("stages.past", values)
    return dict(rows[0]) if rows else None
