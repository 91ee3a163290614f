"""The way to PostgreSQL: one pool for short statements, and connections for long transactions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.queries import query

Connection = psycopg.Connection[DictRow]
Rollback = psycopg.Rollback
"""Raised inside a transaction block to leave nothing of it behind, without an error."""

Result = TypeVar("Result")
_GROUND = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
UNTANGLINGS = 5
"""How often transactions that stand in each other's way are tried anew."""


class Entangled(SystemTrouble):
    """Two transactions waited for each other, and this one was undone: it may be tried again."""


@contextmanager
def grounded() -> Iterator[None]:
    """Turns a lost database or a full disk into one clear ``SystemTrouble``."""
    try:
        yield
    except psycopg.errors.DeadlockDetected as error:
        raise Entangled(f"PostgreSQL undid a transaction that stood in others' way: {error}") from (
            error
        )
    except _GROUND as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SystemTrouble(
            f"PostgreSQL does not answer or has no room ({reason}). Nothing is lost: bring it "
            "back, then run the same command again; it goes on where it stopped."
        ) from error


def untangled(work: Callable[[], Result]) -> Result:
    """What transactions of its own come to; done anew where others stood in their way."""
    for _ in range(UNTANGLINGS):
        try:
            return work()
        except Entangled:
            time.sleep(random.uniform(0.01, 0.1))
    return work()


class Database:
    """One PostgreSQL database. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = ConnectionPool(
            url,
            kwargs={"row_factory": dict_row, "autocommit": True},
            connection_class=Connection,
            check=ConnectionPool.check_connection,  # the server may have been restarted
            min_size=0,
            max_size=4,
            timeout=15,
            open=False,
        )

    def run(self, name: str, values: Mapping[str, Any] | None = None) -> list[DictRow]:
        """One named statement in a transaction of its own; its rows, if it returns any."""
        return self.run_text(query(name), values)

    def run_text(
        self, statement: LiteralString, values: Mapping[str, Any] | None = None
    ) -> list[DictRow]:
        """Like ``run`` for a statement given as text."""
        with self.connection() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A pooled connection in autocommit."""
        with grounded():
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A pooled connection in one transaction: all of it or nothing."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def connect(self) -> Connection:
        """A connection of the caller's own, outside the pool, in autocommit."""
        with grounded():
            return Connection.connect(self.url, row_factory=dict_row, autocommit=True)

    def close(self) -> None:
        """Close the pool."""
        self._pool.close()
