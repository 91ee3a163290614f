"""The tables behind the simulated company: one per object, every value as canonical text.

Booleans are ``true``/``false``, date-times ``2026-01-01T00:00:00.000Z``, numbers their decimal
digits, so that nothing is lost to floats and a file of query results needs no conversion.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.salesforce.schema.fields import Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

SYSTEM_TABLES = """
CREATE TABLE IF NOT EXISTS salesforce_meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS salesforce_session (token TEXT PRIMARY KEY, user_id TEXT, used_at TEXT);
CREATE TABLE IF NOT EXISTS salesforce_refresh (token TEXT PRIMARY KEY, user_id TEXT);
CREATE TABLE IF NOT EXISTS salesforce_key (client_id TEXT, pem TEXT);
CREATE TABLE IF NOT EXISTS salesforce_calls (hour TEXT PRIMARY KEY, spent INTEGER);
CREATE TABLE IF NOT EXISTS salesforce_cursor
    (locator TEXT PRIMARY KEY, made_at TEXT, soql TEXT, deleted INTEGER, ids BLOB);
CREATE TABLE IF NOT EXISTS salesforce_job
    (id TEXT PRIMARY KEY, kind TEXT, state TEXT, made_at TEXT, polls INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS salesforce_change (name TEXT PRIMARY KEY, changes INTEGER);
CREATE TABLE IF NOT EXISTS salesforce_deletion (sobject TEXT, id TEXT, deleted_at TEXT);
CREATE TABLE IF NOT EXISTS salesforce_field (sobject TEXT, name TEXT, body TEXT, gone INTEGER,
    PRIMARY KEY (sobject, name));
"""


def create_tables(connection: sqlite3.Connection, objects: Sequence[SObject]) -> None:
    """Every table that is not there yet."""
    for statement in SYSTEM_TABLES.split(";"):
        connection.execute(statement)
    for sobject in objects:
        columns = ", ".join(column(field) for field in sobject.stored)
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{sobject.table}" ({columns}, _deleted_at TEXT)'
        )


def create_indexes(connection: sqlite3.Connection, sobject: SObject) -> None:
    """What look-ups need; made after the first filling, which is faster."""
    for field in sobject.stored:
        if field.name == "Id":
            spec = f'UNIQUE INDEX IF NOT EXISTS "{sobject.table}.Id" ON "{sobject.table}" (Id)'
        elif field.type == "reference" or field.name == "SystemModstamp":
            spec = _index(sobject, field, "")
        elif field.external_id or field.unique:
            spec = _index(sobject, field, " COLLATE NOCASE")
        else:
            continue
        connection.execute("CREATE " + spec)


def _index(sobject: SObject, field: Field, collation: str) -> str:
    name, table = f"{sobject.table}.{field.name}", sobject.table
    return f'INDEX IF NOT EXISTS "{name}" ON "{table}" ("{field.name}"{collation})'


def column(field: Field) -> str:
    """The column of a stored field."""
    default = "" if field.default is None else f" DEFAULT '{field.default}'"
    return f'"{field.name}" TEXT{default}'


@contextmanager
def snapshot(database: Database) -> Iterator[sqlite3.Connection]:
    """A reader of its own, on the state of this moment, that holds up nobody else."""
    connection = open_snapshot(database)
    try:
        yield connection
    finally:
        connection.close()


def open_snapshot(database: Database) -> sqlite3.Connection:
    """Like ``snapshot``, for handing to another thread; the caller closes it."""
    path = database.rows("PRAGMA database_list")[0][2]
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM salesforce_meta LIMIT 1").fetchall()
    return connection
