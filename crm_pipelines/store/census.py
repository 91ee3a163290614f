"""Comparing a mirror with what its CRM lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

from crm_pipelines.model.connector import Account
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Ours:
    """The mirror's side of a comparison."""

    database: Database
    account: Account
    stream: Stream

    def by_day(self) -> dict[date, int]:
        """Live rows by the day of their cursor field, in UTC."""
        with self.database.connection() as connection:
            return {row["day"]: row["records"] for row in self._run(connection, "by_day")}

    def compare(self, listing: Listing, since: datetime) -> list[dict[str, Any]]:
        """Records that differ: ``id``, ``verdict`` and both stamps.

        ``since`` is where the next delta will begin.
        """
        with self.database.transaction() as connection:
            self._run(connection, "listed")
            with connection.cursor().copy("COPY listed FROM STDIN") as copy:
                for row in listing.records.items():
                    copy.write_row(row)
            days = None if listing.days is None else list(listing.days)
            return self._run(connection, "compare", since=since, days=days)

    def exists(self) -> bool:
        """Whether there is a table yet."""
        table = f'"{self.account.crm}"."{self.stream.table_name}"'
        return bool(self.database.run("census.exists", {"table": table})[0]["made"])

    def unseen(self, shown: Iterable[pa.Array], started_at: datetime, most: int) -> list[str]:
        """Ids of some live rows that were not shown, as texts, and not written since then."""
        from crm_pipelines.store.spelling import array_literal

        with self.database.transaction() as connection:
            self._run(connection, "shown")
            for keys in shown:
                connection.execute(query("census.show"), {"keys": array_literal(keys)})
            rows = self._run(connection, "unseen", started_at=started_at, most=most)
        return [row["id"] for row in rows]

    def _run(self, connection: Connection, name: str, **values: Any) -> list[dict[str, Any]]:
        statement = sql.SQL(query(f"census.{name}")).format(
            table=sql.Identifier(self.account.crm, self.stream.table_name),
            scope=sql.SQL(self.stream.scope),
            stamp=sql.Identifier(str(self.stream.cursor_field)),
            key_type=sql.SQL(self.stream.key.type.value),
        )
        about = {
            "workspace": self.account.workspace,
            "crm": self.account.crm,
            "stream": self.stream.name,
        }
        makes = name in ("listed", "shown")
        cursor = connection.execute(statement, None if makes else {**about, **values})
        return cursor.fetchall() if cursor.description else []
