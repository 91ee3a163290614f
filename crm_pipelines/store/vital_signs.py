"""Reading what health and metrics are made of, over one short connection of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg.rows import dict_row

from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.migrations import pending
from crm_pipelines.store.queries import query

CONNECT_SECONDS = 3
"""Whoever asks for health wants an answer soon."""

StreamKey = tuple[str, str, str]
"""Workspace, CRM, stream."""


class VitalSigns:
    """Questions to one database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pending_migrations(self) -> list[str]:
        """Names of migrations that are not applied, oldest first."""
        return pending(self._connection)

    def streams(self, keys: Sequence[StreamKey]) -> list[dict[str, Any]]:
        """How the last run of each stream went."""
        columns = list(zip(*keys, strict=True)) if keys else [(), (), ()]
        names = ("workspaces", "crms", "streams")
        values = {name: list(column) for name, column in zip(names, columns, strict=True)}
        return self._rows("streams", values)

    def budget(self, workspace: str, crm: str) -> dict[str, Any]:
        """The account's day."""
        return self._rows("budget", {"workspace": workspace, "crm": crm})[0]

    def speeds(self, workspace: str, crm: str) -> dict[str, float]:
        """Records a second, by stream, where good runs have shown it."""
        rows = self._rows("speeds", {"workspace": workspace, "crm": crm})
        return {row["stream"]: float(row["records_per_second"]) for row in rows}

    def usage(self) -> list[dict[str, Any]]:
        """Tokens and calls ever spent, by stream."""
        return self._rows("usage", {})

    def webhooks(self) -> list[dict[str, Any]]:
        """Webhooks that we had made, with the last delivery of their kind."""
        return self._rows("webhooks", {})

    def inbox(self) -> list[dict[str, Any]]:
        """Deliveries that wait or were given up, by account."""
        return self._rows("inbox", {})

    def deliveries(self) -> list[dict[str, Any]]:
        """All deliveries by account and state."""
        return self._rows("deliveries", {})

    def last_deliveries(self, workspace: str) -> list[dict[str, Any]]:
        """When the last one of each kind came that has been read."""
        values = {"workspace": workspace}
        return self._connection.execute(query("inbox.last_by_kind"), values).fetchall()

    def echoes(self) -> list[dict[str, Any]]:
        """Our writes and their echoes, by account."""
        return self._rows("echoes", {})

    def rejected(self) -> list[dict[str, Any]]:
        """Rejected records that wait, by stream."""
        return self._rows("rejected", {})

    def _rows(self, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        return self._connection.execute(query(f"health.{name}"), values).fetchall()


@contextmanager
def vital_signs(database: Database) -> Iterator[VitalSigns]:
    """Ask a database. Raises ``SystemTrouble`` when it does not answer."""
    with grounded():
        connection = Connection.connect(
            database.url, row_factory=dict_row, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
        with connection:
            yield VitalSigns(connection)
