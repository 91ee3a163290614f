"""What the mirror has of the records that events are about, and tombstones for those gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Cursor as AnyCursor
from psycopg import sql
from psycopg.rows import DictRow

from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.window import Mode, Slice
from crm_pipelines.store import history, rejected
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

Cursor = AnyCursor[DictRow]


@dataclass(frozen=True)
class Row:
    """A row of a mirror: its stamp, whether it is a tombstone, its custom fields' codes."""

    stamp: datetime | None
    buried: bool
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The table of a stream. ``streams`` are all those that fill it."""

    database: Database
    workspace: str
    crm: str
    stream: Stream
    streams: tuple[str, ...]

    def exists(self) -> bool:
        """Whether there is a table yet."""
        table = f'"{self.crm}"."{self.stream.table_name}"'
        return bool(self.database.run("census.exists", {"table": table})[0]["made"])

    def look(self, ids: Collection[str]) -> Mapping[str, Row]:
        """Those of these records that are there, by id."""
        with self.database.connection() as connection:
            rows = self._run(connection, "rows", ids=list(ids)).fetchall()
        return {
            row["id"]: Row(row["stamp"], row["buried"], tuple(row["codes"] or ())) for row in rows
        }

    def codes(self) -> tuple[str, ...] | None:
        """The custom fields of the record that was made last; ``None`` without any record."""
        with self.database.connection() as connection:
            row = self._run(connection, "last_codes").fetchone()
        return None if row is None else tuple(row["codes"] or ())

    def pointing_at(self, column: str, ids: Collection[str]) -> list[tuple[str, str]]:
        """Live records that name one of these in a column, and which."""
        if all(field.name != column for field in self.stream.fields):
            return []
        with self.database.connection() as connection:
            rows = self._run(connection, "pointing_at", column, ids=list(ids)).fetchall()
        return [(row["id"], row["named"]) for row in rows]

    def bury(
        self,
        gone: Mapping[str, datetime | None],
        started_at: datetime,
        run: str,
        cost: Outcome,
    ) -> int:
        """Tombstones for records that went at a time by the CRM's clock, or that were not there
        (``None``) when it was asked after ``started_at``; how many. Newer rows stay.

        Leaves a line of history where there are any, with what it ``cost`` to know of them.
        """
        about = {"workspace": self.workspace, "crm": self.crm, "stream": self.stream.name}
        with self.database.transaction() as connection:
            name = f"{self.workspace} {self.crm}.{self.stream.table_name}"
            connection.execute(query("mirror.lock"), {"name": name})
            ids, ats = list(gone), list(gone.values())
            cursor = self._run(connection, "bury", run=run, ids=ids, ats=ats, started_at=started_at)
            buried = cursor.rowcount
            for stream in self.streams:
                found = {**about, "stream": stream}
                if rejected.has_any(connection, found):
                    rejected.forget_passed(connection, found, _array(list(gone)))
            if buried or cost.api_calls:
                history.record_run(
                    connection,
                    {**about, "run": run},
                    mode=Mode.EVENTS.value,
                    part=Slice(max_records=len(gone)),
                    status="success",
                    outcome=replace(cost, fetched=buried, deleted=buried),
                    started_at=started_at,
                )
        return buried

    def _run(self, connection: Connection, name: str, column: str = "", **values: Any) -> Cursor:
        stamp, keyed = self.stream.stamp, _keyed(self.stream.fields)
        statement = sql.SQL(query(f"inbox_mirror.{name}")).format(
            table=sql.Identifier(self.crm, self.stream.table_name),
            stamp=sql.Identifier("t", stamp) if stamp else sql.SQL("NULL::timestamptz"),
            codes=sql.SQL(query("inbox_mirror.codes")).format(custom=sql.Identifier("t", keyed))
            if keyed
            else sql.SQL("NULL::text[]"),
            key_type=sql.SQL(self.stream.key.type.value),
            later=sql.SQL(query("mirror.written_later")),
            column=sql.Identifier("t", column),
        )
        about = {"workspace": self.workspace, "crm": self.crm, "streams": list(self.streams)}
        return connection.execute(statement, {**about, **values})


def _keyed(fields: Sequence[Field]) -> str:
    return next((field.name for field in fields if field.keyed), "")


def _array(ids: list[str]) -> str:
    """As PostgreSQL writes arrays; ids are digits, letters and dashes."""
    return "{" + ",".join(ids) + "}"
