"""Rows of the local side and the records that they are linked to, for taking over from a CRM.

Everything happens on the caller's connection, in one transaction that ``speak`` begins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from crm_pipelines.model.command import Entity
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

Row = dict[str, Any]
TABLES: Mapping[Entity, tuple[str, str]] = {
    Entity.ORGANIZATION: ("organizations", "pipedrive_org_id"),
    Entity.PERSON: ("contacts", "pipedrive_person_id"),
    Entity.DEAL: ("deals", "pipedrive_deal_id"),
    Entity.ACTIVITY: ("activities", "pipedrive_activity_id"),
}
"""Tables and the columns of their records' ids; those that others refer to come first."""

MIRRORS: Mapping[Entity, str] = {
    Entity.ORGANIZATION: "organizations",
    Entity.PERSON: "persons",
    Entity.DEAL: "deals",
    Entity.ACTIVITY: "activities",
}
_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException)


@dataclass(frozen=True)
class Link:
    """What the record of a row said when they were last compared, in the words of
    ``model.writable``; ``stamp`` is the record's own."""

    local_id: str
    remote_id: int
    said: Mapping[str, Any]
    stamp: datetime | None = None
    seen_at: datetime | None = None


class Ledger:
    """The rows of one entity in one workspace, and their links to one CRM."""

    def __init__(self, connection: Connection, workspace: str, crm: str, entity: Entity) -> None:
        self._connection, self.entity = connection, entity
        self._about = {"workspace": workspace, "crm": crm, "entity": str(entity)}

    def speak(self) -> None:
        """What this transaction changes from now on makes no commands."""
        self._connection.execute(query("local_changes.speak"))

    def link_again(self, remote_ids: Collection[int]) -> None:
        """Rows whose deleted records are alive again."""
        self._run("link_again", remote_ids=list(remote_ids))

    def hold(self, remote_ids: Collection[int]) -> dict[str, int]:
        """Records by row; nobody else can change these rows until the transaction ends."""
        rows = self._run("hold", remote_ids=list(remote_ids))
        return {row["id"]: row["remote_id"] for row in rows}

    def rows(self, ids: Collection[str]) -> dict[str, Row]:
        """Rows with what they refer to, like ``store.local_side.rows``."""
        found = self._connection.execute(
            query(f"local_side.{self.entity}"), {**self._about, "ids": list(ids)}
        ).fetchall()
        return {row["id"]: dict(row) for row in found}

    def links(self, ids: Collection[str]) -> dict[str, Link]:
        """What their records said, where that is known."""
        return {row["local_id"]: Link(**row) for row in self._run("links", ids=list(ids))}

    def commands(self, ids: Collection[str], mine: int = 0) -> list[Row]:
        """Commands that are not through, but one; their fields are payload's."""
        return self._run("commands", records=self._records(ids), mine=mine)

    def last_deliveries(self, ids: Collection[str]) -> dict[str, datetime]:
        """When the last command of a row got through."""
        rows = self._run("last_deliveries", records=self._records(ids))
        return {row["local_id"]: row["delivered_at"] for row in rows}

    def references(self, remote_ids: Collection[int]) -> dict[int, str]:
        """Rows of this entity by their record's id."""
        if not remote_ids:
            return {}
        rows = self._run("references", remote_ids=list(remote_ids))
        return {row["remote_id"]: row["id"] for row in rows}

    def users(self, remote_ids: Collection[int]) -> dict[int, str]:
        """Users of the local side by who they are in the CRM."""
        if not remote_ids:
            return {}
        rows = self._run("users", remote_ids=list(remote_ids))
        return {row["remote_id"]: row["id"] for row in rows}

    def change(self, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        """Write new values of columns, by row; what was refused and why, by row and column.

        One statement; only where the table refuses something, row by row and column by column.
        """
        if not changes:
            return {}
        first = self._try(changes)
        if not first:
            return {}
        refused: dict[str, dict[str, str]] = {}
        for identity, values in changes.items():
            if len(changes) > 1 and not self._try({identity: values}):
                continue
            for column, value in values.items():
                why = self._try({identity: {column: value}})
                if why:
                    refused.setdefault(identity, {})[column] = why
        return refused

    def stamp(self, stamps: Mapping[str, datetime]) -> None:
        """When the records of rows were last changed."""
        if stamps:
            self._run("stamps", ids=list(stamps), stamps=list(stamps.values()))

    def remember(self, links: Sequence[Link]) -> None:
        """What records said in this comparison."""
        if links:
            self._run(
                "remember",
                ids=[one.local_id for one in links],
                remote_ids=[one.remote_id for one in links],
                saids=[Jsonb(dict(one.said)) for one in links],
                stamps=[one.stamp for one in links],
            )

    def note_merges(self, merges: Mapping[int, int]) -> None:
        """Records that went into others, whether we have rows of them or not."""
        if merges:
            self._run("note_merges", remote_ids=list(merges), merged_into=list(merges.values()))

    def survivors(self, remote_ids: Collection[int]) -> dict[int, int]:
        """Where records are now that went into others; themselves, if they did not."""
        rows = self._run("survivors", remote_ids=list(remote_ids))
        return {row["remote_id"]: row["survivor"] for row in rows}

    def end(self, ids: Collection[str], because: str) -> None:
        """Their records are no more."""
        self._run("end_links", ids=list(ids), because=because)

    def move(self, ids: Collection[str], from_: int, into: int) -> None:
        """Their record went into another one."""
        self._run("move_links", ids=list(ids), **{"from": from_, "into": into})

    def _try(self, changes: Mapping[str, Mapping[str, Any]]) -> str:
        """Why it was refused; nothing, if it was written."""
        values = {
            **self._about,
            "ids": list(changes),
            "changes": [Jsonb(dict(one)) for one in changes.values()],
        }
        try:
            with self._connection.transaction():
                self._connection.execute(query(f"local_changes.{self.entity}"), values)
        except _REFUSALS as error:
            return str(error).strip().splitlines()[0]
        return ""

    def _records(self, ids: Collection[str]) -> list[str]:
        return [f"{self.entity}/{one}" for one in ids]

    def _run(self, name: str, **values: Any) -> list[Row]:
        statement = _named(f"local_changes.{name}", self.entity)
        cursor = self._connection.execute(statement, {**self._about, **values})
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def is_mirrored(database: Database, crm: str, entity: Entity) -> bool:
    """Whether there is a mirror of these records at all."""
    values = {"table": f"{crm}.{MIRRORS[entity]}"}
    return bool(database.run("push.mirror_exists", values)[0]["there"])


def behind(
    database: Database, workspace: str, crm: str, entity: Entity, *, after: int, most: int
) -> list[int]:
    """Records that the mirror knows newer than their rows do; ids in order, above ``after``."""
    values = {"workspace": workspace, "crm": crm, "entity": str(entity), "after": after}
    with database.connection() as connection:
        rows = connection.execute(
            _named("local_changes.behind", entity, crm), {**values, "most": most}
        )
        return [row["remote_id"] for row in rows.fetchall()]


def gone(database: Database, workspace: str, crm: str, entity: Entity, most: int) -> list[int]:
    """Records that the mirror knows to be deleted, and that rows are linked to still."""
    values = {"workspace": workspace, "most": most}
    with database.connection() as connection:
        rows = connection.execute(_named("local_changes.gone", entity, crm), values)
        return [row["remote_id"] for row in rows.fetchall()]


def ask_again(database: Database, workspace: str, crm: str, entity: Entity, local_id: str) -> None:
    """Somebody asks for a row whose record was deleted: it may be brought to the CRM again."""
    values = {"workspace": workspace, "crm": crm, "entity": str(entity), "local_id": local_id}
    database.run("local_changes.ask_again", values)


def now(database: Database) -> datetime:
    """The database's clock."""
    found: datetime = database.run("local_changes.now")[0]["now"]
    return found


def _named(name: str, entity: Entity, crm: str = "") -> sql.Composed:
    table, remote = TABLES[entity]
    return sql.SQL(query(name)).format(
        table=sql.Identifier("app", table),
        remote=sql.Identifier(remote),
        mirror=sql.Identifier(crm, MIRRORS[entity]),
    )
