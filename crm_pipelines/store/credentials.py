"""Sealed credentials, and the lock that lets one process at a time renew an account's tokens."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import query

_SPACE = 7_421_004
LOCK_WAIT = "120s"
"""Longer than a login with all its time-outs takes."""


@dataclass(frozen=True)
class Slot:
    """Where a credential lies."""

    workspace: str
    crm: str
    kind: str


@dataclass(frozen=True)
class Sealed:
    """A credential as the database knows it, and which key opens it."""

    text: str
    key_id: str


def read(database: Database, slot: Slot) -> Sealed | None:
    """The credential in a slot."""
    rows = database.run("credentials.read", vars(slot))
    return Sealed(rows[0]["sealed"], rows[0]["key_id"]) if rows else None


def write(connection: Connection, slot: Slot, sealed: Sealed) -> None:
    """Put a credential there."""
    values = {**vars(slot), "sealed": sealed.text, "key_id": sealed.key_id}
    connection.execute(query("credentials.write"), values)


def forget(connection: Connection, slot: Slot) -> None:
    """Empty a slot."""
    connection.execute(query("credentials.forget"), vars(slot))


def all_locked(connection: Connection) -> list[tuple[Slot, Sealed]]:
    """Every credential; whoever wants to change one waits for the end of the transaction."""
    rows = connection.execute(query("credentials.all_locked")).fetchall()
    return [
        (Slot(row["workspace"], row["crm"], row["kind"]), Sealed(row["sealed"], row["key_id"]))
        for row in rows
    ]


@contextmanager
def alone(database: Database, workspace: str, crm: str) -> Iterator[None]:
    """One process at a time. PostgreSQL gives the lock back the moment its holder dies.

    The connection is the lock's own: waiters do not use up the pool that the holder needs.
    """
    number = zlib.crc32(f"{workspace}/{crm}".encode()) - 2**31
    connection = database.connect()
    try:
        with grounded():
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
            try:
                connection.execute("SELECT pg_advisory_lock(%s, %s)", (_SPACE, number))
            except psycopg.errors.LockNotAvailable as error:
                raise SystemTrouble(
                    f"another process has been logging in to {crm} for {LOCK_WAIT}: stop it "
                    "(pg_locks of type advisory names it), then run the same command again"
                ) from error
        yield
    finally:
        connection.close()
