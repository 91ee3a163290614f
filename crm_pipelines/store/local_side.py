"""The tables of schema ``app`` as the push needs them: read for commands, written back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from crm_pipelines.model.command import Entity
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


def rows(
    database: Database, entity: Entity, workspace: str, ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Rows by id: every column, ``remote_id`` (this record in the CRM), those of what it refers
    to (``organization_remote_id``, ``contact_remote_id``, ``deal_remote_id``) and whose it is
    (``user_email``, ``user_remote_id``). Ids that are not there are left out.
    """
    found = database.run(f"local_side.{entity}", {"workspace": workspace, "ids": list(ids)})
    return {row["id"]: dict(row) for row in found}


def find_by_remote(
    connection: Connection, entity: Entity, workspace: str, remote_id: int
) -> str | None:
    """The row that a record of the CRM belongs to; of several the first one there was."""
    values = {"workspace": workspace, "entity": entity, "remote_id": remote_id}
    row = connection.execute(query("local_side.find_by_remote"), values).fetchone()
    return None if row is None else str(row["id"])


def link(
    connection: Connection,
    entity: Entity,
    workspace: str,
    local_id: str,
    remote_id: int,
    stamp: datetime | None = None,
) -> bool:
    """Write the CRM's id into a row; ``stamp`` is when the CRM was last written to, else now.

    What waited for it (activities and deals of a contact) is enqueued in the same transaction.
    Says whether the row is still there.
    """
    values = {
        "workspace": workspace,
        "entity": entity,
        "local_id": local_id,
        "remote_id": remote_id,
        "stamp": stamp or datetime.now(UTC),
    }
    row = connection.execute(query("local_side.link"), values).fetchone()
    return row is not None and bool(row["there"])


def mark(connection: Connection, entity: Entity, workspace: str, local_id: str) -> None:
    """Let a row say how its way to the CRM stands: SYNCED, PENDING or FAILED."""
    values = {"workspace": workspace, "entity": entity, "local_id": local_id}
    connection.execute(query("outbox.mark"), {**values, "tried": None, "stamp": None})


def store_user(database: Database, workspace: str, email: str, remote_id: int) -> None:
    """Keep who somebody is in the CRM."""
    values = {"workspace": workspace, "email": email, "remote_id": remote_id}
    database.run("local_side.store_user", values)


def write_rules(database: Database, workspace: str, score: int) -> None:
    """From which score on contacts are warm leads: the triggers go by it from now on."""
    database.run("local_side.write_rules", {"workspace": workspace, "score": score})


def missing(database: Database, workspace: str) -> int:
    """Enqueue creates for what the CRM should have and no command brings there; how many.

    That is what triggers could not see: leads below a threshold that was lowered since, and rows
    older than the triggers.
    """
    found = database.run("local_side.missing", {"workspace": workspace})
    return int(found[0]["commands"])
