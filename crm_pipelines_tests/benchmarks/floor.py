"""The floor: the same rows as one CSV, copied into an identical typed, indexed, empty table."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

TABLE = sql.Identifier("salesforce", "contacts")
FLOOR = sql.Identifier("floor")
_PIECE = 1 << 20


def save_rows(url: str, path: Path) -> int:
    """The mirrored rows as a CSV file; its size in bytes."""
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(TABLE)
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(statement) as copy,
        path.open("wb") as file,
    ):
        for piece in copy:
            file.write(piece)
    return path.stat().st_size


def copy_rows(url: str, path: Path) -> float:
    """Seconds that PostgreSQL needs for the file, commit included."""
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(FLOOR, TABLE))
        connection.commit()
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(FLOOR)
        begun = time.perf_counter()
        with connection.cursor().copy(statement) as copy, path.open("rb") as file:
            while piece := file.read(_PIECE):
                copy.write(piece)
        connection.commit()
        took = time.perf_counter() - begun
        connection.execute(sql.SQL("DROP TABLE {}").format(FLOOR))
        return took


def settle(url: str) -> None:
    """Write out what is dirty, so that no measurement pays for the one before it.

    Not every role may; then rounds and medians have to do.
    """
    with (
        psycopg.connect(url, autocommit=True) as connection,
        suppress(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CHECKPOINT")


def wal_position(url: str) -> int:
    """Bytes of write-ahead log that the server has ever written."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])
