"""Whose turn it is, and taking commands into a worker's hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_pipelines.model.command import Command
from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.outbox.rows import command_of
from crm_pipelines.store.outbox.workers import Worker
from crm_pipelines.store.queries import query

LOOKS = 10
"""How often to look for others when all that was found is held back."""


def due(
    database: Database,
    *,
    workspace: str,
    crm: str,
    most: int,
    ids: Sequence[int] = (),
    failed_too: bool = False,
) -> list[Command]:
    """Commands whose turn it is, the most urgent first; of ``ids``, if there are any.

    Those that a trigger wrote and whose ground is gone since (a lead that cooled down, a contact
    that is not to be linked) are taken back meanwhile; what lacks another record is put behind
    that one's create. They are nobody's yet: ``claim`` them.
    """
    values = {"workspace": workspace, "crm": crm, "most": most, "failed_too": failed_too}
    found: list[Command] = []
    for _ in range(LOOKS):
        rows = _look(database, values, ids)
        held = _held_back(database, rows)
        found = [command_of(row) for row in rows if row["id"] not in held]
        if found or not held:
            break
    return found


def claim(database: Database, worker: Worker, commands: Sequence[Command]) -> list[Command]:
    """Those of the commands that the worker got: as they were seen, and still their turn.

    They are ``sending`` from now on, with one attempt more. The worker's own session asks: one
    that has lost it gets nothing. Raises ``SystemTrouble``.
    """
    if not commands:
        return []
    values = {
        "worker": worker.number,
        "ids": [command.id for command in commands],
        "versions": [command.version for command in commands],
    }
    with grounded():
        rows = worker.connection.execute(query("outbox.claim"), values).fetchall()
    place = {command.id: number for number, command in enumerate(commands)}
    return sorted((command_of(row) for row in rows), key=lambda command: place[command.id])


def _look(database: Database, values: dict[str, Any], ids: Sequence[int]) -> list[dict[str, Any]]:
    if ids:
        return list(database.run("outbox.due_among", {**values, "ids": list(ids)}))
    return list(database.run("outbox.due", values))


def _held_back(database: Database, rows: Sequence[dict[str, Any]]) -> set[int]:
    creates = [row["id"] for row in rows if row["kind"] == "create"]
    if not creates:
        return set()
    return {row["id"] for row in database.run("outbox.hold_back", {"ids": creates})}
