"""The one who applies an account's deliveries: a session of its own that holds a lock."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

import psycopg

from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query


class Applier:
    """Holds the turn of an account for as long as the block lasts, if nobody else has it.

    PostgreSQL gives the turn back the moment the process dies: what it had not settled waits.
    """

    def __init__(self, database: Database, workspace: str, crm: str) -> None:
        self._database = database
        self._about = {"workspace": workspace, "crm": crm}
        self.taken = False

    def __enter__(self) -> Applier:
        self._connection = self._database.connect()
        try:
            with grounded():
                row = self._connection.execute(query("inbox.take_turn"), self._about).fetchone()
        except BaseException:
            self._connection.close()
            raise
        self.taken = row is not None and bool(row["taken"])
        return self

    def check(self) -> None:
        """Raises ``SystemTrouble`` where the session, and the turn with it, is lost."""
        with grounded():
            self._connection.execute("SELECT 1")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(psycopg.Error):  # a lost session has lost its lock
            # Said aloud: after closing, the server takes its time to notice.
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()
