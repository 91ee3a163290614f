"""Actions that changes of stage have set off: whose turn it is, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import query


@contextmanager
def alone(database: Database, workspace: str, crm: str) -> Iterator[None]:
    """One works at the actions of an account at a time; whoever comes second waits."""
    with grounded(), closing(database.connect()) as connection:
        connection.execute(query("stage_actions.lock"), {"account": f"{workspace}/{crm}"})
        yield


def due(database: Database, workspace: str, crm: str, *, after: int, most: int) -> list[int]:
    """Those whose time has come, in the order in which they were set off."""
    values = {"workspace": workspace, "crm": crm, "after": after, "most": most}
    return [row["id"] for row in database.run("stage_actions.due", values)]


def take(connection: Connection, task: int) -> dict[str, Any] | None:
    """Hold one until the transaction ends; ``None`` when it is not there to be had any more."""
    row = connection.execute(query("stage_actions.take"), {"id": task}).fetchone()
    return None if row is None else dict(row)


def settle(
    connection: Connection,
    task: int,
    status: str,
    outcome: str,
    *,
    run: str,
    tries: int = 1,
    result: Mapping[str, Any] | None = None,
) -> None:
    """It is over: done, failed or skipped."""
    connection.execute(
        query("stage_actions.settle"),
        {
            "id": task,
            "status": status,
            "outcome": outcome,
            "run": run,
            "tries": tries,
            "result": Jsonb(dict(result or {})),
        },
    )


def put_off(
    connection: Connection,
    task: int,
    outcome: str,
    *,
    run: str,
    seconds: float,
    most: int,
    tries: int = 1,
) -> bool:
    """It waits so long; whether its attempts are used up, and it failed."""
    row = connection.execute(
        query("stage_actions.put_off"),
        {
            "id": task,
            "outcome": outcome,
            "run": run,
            "seconds": seconds,
            "most": most,
            "tries": tries,
        },
    ).fetchone()
    return row is not None and row["status"] == "failed"


def again(database: Database, workspace: str, ids: Sequence[int] = ()) -> list[int]:
    """Failed and skipped ones of these wait for their turn again; all failed ones without ids."""
    values = {"workspace": workspace, "ids": list(ids)}
    return [row["id"] for row in database.run("stage_actions.again", values)]


def listing(
    database: Database,
    workspace: str,
    *,
    status: str | None = None,
    deal_id: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """With what set them off, the newest first."""
    values = {"workspace": workspace, "status": status, "deal_id": deal_id, "limit": limit}
    return [dict(row) for row in database.run("stage_actions.listing", values)]


def counts(database: Database, workspace: str) -> dict[str, int]:
    """How many there are in each state."""
    rows = database.run("stage_actions.counts", {"workspace": workspace})
    found = {row["status"]: row["actions"] for row in rows}
    return {status: found.get(status, 0) for status in ("waiting", "done", "failed", "skipped")}


def due_count(database: Database, workspaces: Sequence[str], crm: str) -> int:
    """How many could be run now."""
    values = {"workspaces": list(workspaces), "crm": crm}
    return int(database.run("stage_actions.due_count", values)[0]["actions"])


def is_entangled(error: Exception) -> bool:
    """Whether two transactions stood in each other's way: it says nothing about the action."""
    return isinstance(error, psycopg.errors.DeadlockDetected)
