"""What the stages of a CRM are mapped to, beside the stages as the mirror knows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


def listing(database: Database, workspace: str, crm: str) -> list[dict[str, Any]]:
    """Every stage, in the order of its pipeline, with its mapping if it has one.

    A mapping whose stage is gone is listed, too (``name`` is ``None``).
    """
    about = {"workspace": workspace, "crm": crm}
    if not _mirrored(database, crm, "stages"):
        return [dict(row) for row in database.run("stages.mappings_only", about)]
    return [dict(row) for row in database.run("stages.mappings", about)]


def get(database: Database, workspace: str, crm: str, stage_id: int) -> dict[str, Any] | None:
    """One of them."""
    every = listing(database, workspace, crm)
    return next((row for row in every if row["stage_id"] == stage_id), None)


def known_stages(database: Database, workspace: str, crm: str) -> dict[int, str]:
    """Names of the stages that the mirror has, by id."""
    if not _mirrored(database, crm, "stages"):
        return {}
    rows = database.run("stages.known", {"workspace": workspace})
    return {row["id"]: row["name"] for row in rows}


def unknown_users(database: Database, workspace: str, names: Collection[str]) -> list[str]:
    """Those of some ids and e-mail addresses that nobody of the local side has."""
    values = {"workspace": workspace, "names": list(names)}
    return [row["name"] for row in database.run("stages.unknown_users", values)]


def put(connection: Connection, about: Mapping[str, Any], actions: list[dict[str, Any]]) -> None:
    """Store a mapping, in place of the one there was. ``about`` holds its columns and ``who``."""
    connection.execute(query("stages.put"), {**about, "actions": Jsonb(actions)})


def remove(connection: Connection, workspace: str, crm: str, stage_id: int) -> bool:
    """Whether there was one."""
    values = {"workspace": workspace, "crm": crm, "stage_id": stage_id}
    return connection.execute(query("stages.remove"), values).fetchone() is not None


def _mirrored(database: Database, crm: str, table: str) -> bool:
    if crm != "pipedrive":
        return False
    there: bool = database.run("stages.mirrored", {"table": f"{crm}.{table}"})[0]["there"]
    return there
