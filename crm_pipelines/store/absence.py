"""What a full sync no longer saw becomes tombstones."""

from __future__ import annotations

from psycopg import sql

from crm_pipelines.store.database import Connection
from crm_pipelines.store.mirror_table import Target, literal, statement


def prepare_seen(connection: Connection, target: Target) -> None:
    """Make the transaction's list of keys that a full sync saw, if there is none yet."""
    connection.execute(statement("create_seen", target, key_type=target.key_type))


def note_seen(connection: Connection, target: Target, keys: list[str] | str) -> None:
    """Remember keys (an array, as PostgreSQL writes it, if it is a text)."""
    noting = statement("note_seen", target, key_type=target.key_type)
    connection.execute(noting, {"keys": keys})


def bury_missing(connection: Connection, target: Target, *, preview: bool = False) -> int:
    """Tombstone what was not seen; how many rows."""
    scope = sql.SQL(literal(target.stream.scope))
    counting = statement("count_missing", target, scope=scope)
    row = connection.execute(counting, target.parameters).fetchone()
    missing = int(row["missing"]) if row else 0
    if preview or not missing:
        return missing
    return connection.execute(
        statement("bury_missing", target, scope=scope), target.parameters
    ).rowcount
