"""What was learned about accounts: notes that every process shares, and a lock for each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Database, grounded

_SPACE = 7_421_013
LOCK_WAIT = "60s"
"""Longer than the few calls that are made under a lock."""


class AccountMemory:
    """The ``Memory`` of one account."""

    def __init__(self, database: Database, workspace: str, crm: str) -> None:
        self._database, self._workspace, self._crm = database, workspace, crm

    def recall(self, name: str, younger_than: timedelta) -> Any:
        """A note that is not older than that, by the database's clock."""
        values = {**self._about(name), "age": younger_than}
        rows = self._database.run("memory.recall", values)
        return rows[0]["value"] if rows else None

    def keep(self, name: str, value: Any) -> None:
        """Write a note."""
        self._database.run("memory.keep", {**self._about(name), "value": Jsonb(value)})

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """The connection is the lock's own: PostgreSQL frees it the moment its holder dies."""
        number = zlib.crc32("/".join((self._workspace, self._crm, name)).encode()) - 2**31
        connection = self._database.connect()
        try:
            with grounded():
                connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
                try:
                    connection.execute("SELECT pg_advisory_lock(%s, %s)", (_SPACE, number))
                except psycopg.errors.LockNotAvailable as error:
                    raise SystemTrouble(
                        f"another process has been setting up {name} in {self._crm} for "
                        f"{LOCK_WAIT}: stop it (pg_locks of type advisory names it), then try again"
                    ) from error
            yield
        finally:
            connection.close()

    def _about(self, name: str) -> dict[str, str]:
        return {"workspace": self._workspace, "crm": self._crm, "name": name}
