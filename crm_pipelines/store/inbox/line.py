"""A connection for those who would rather give up than wait: whoever delivers has ten seconds."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg.rows import dict_row

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Connection, grounded

Result = TypeVar("Result")


class Line:
    """One connection, opened when it is needed and again after trouble; one thread's own.

    A statement that takes longer than ``seconds``, waits for locks included, is given up.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url, self._milliseconds = url, round(seconds * 1000)
        self._connection: Connection | None = None

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """What the work comes to, in autocommit. Raises ``SystemTrouble``, whatever went wrong."""
        done = False
        try:
            with grounded():
                result = work(self._open())
            done = True
        except psycopg.Error as error:
            raise SystemTrouble(f"PostgreSQL does not take it: {error}") from error
        else:
            return result
        finally:
            if not done:
                self.close()

    def cut(self) -> None:
        """From another thread: end what hangs, by taking the socket away."""
        connection = self._connection
        if connection is not None:
            with suppress(OSError, psycopg.Error):  # it is gone already
                descriptor = os.dup(connection.fileno())
                with socket.socket(fileno=descriptor) as line:
                    line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up; the next one who wants something opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> Connection:
        if self._connection is None:
            opened = Connection.connect(
                self._url,
                row_factory=dict_row,
                autocommit=True,
                connect_timeout=2,
                tcp_user_timeout=self._milliseconds,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
            )
            self._connection = opened
            opened.execute(
                "SELECT set_config('statement_timeout', %s, false)", [f"{self._milliseconds}ms"]
            )
        return self._connection
