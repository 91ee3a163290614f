"""Workers, and what those leave behind that die.

A worker is a session of its own that holds an advisory lock. PostgreSQL gives the lock back the
moment the process dies; commands in the hands of a worker whose lock nobody holds are free again.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

import psycopg

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import query


class Worker:
    """Who has commands in hand, for as long as the block lasts; threads may share one."""

    number: int
    connection: Connection

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Worker:
        self.connection = self._database.connect()
        try:
            self._sign_on()
        except BaseException:
            self.connection.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(psycopg.Error):  # a lost session has lost its lock
            # Said aloud: after closing, the server takes its time to notice.
            self.connection.execute("SELECT pg_advisory_unlock_all()")
        self.connection.close()

    def _sign_on(self) -> None:
        with grounded():
            row = self.connection.execute(query("outbox.worker_number")).fetchone()
            assert row is not None
            self.number = int(row["number"])
            lock = self.connection.execute(
                query("outbox.worker_lock"), {"number": self.number}
            ).fetchone()
        if lock is None or not lock["taken"]:
            raise SystemTrouble(
                f"worker {self.number} is at work already: advisory lock 7421009 is used by "
                "another program on this database"
            )


def recover(database: Database) -> int:
    """Give commands of workers that are gone back to the others; how many that were.

    When they were sent is kept: a create may be in the CRM.
    """
    return len(database.run("outbox.recover"))
