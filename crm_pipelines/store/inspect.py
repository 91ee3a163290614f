"""Reading mirrors back: for metadata, checks and previews."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.database import Database
from crm_pipelines.store.queries import query


def count_alive(database: Database, account: Account, stream: Stream) -> int:
    """Rows of the stream that are not tombstones."""
    rows = _run(database, "alive", account, stream, {})
    return int(rows[0]["alive"])


def changed_rows(
    database: Database, account: Account, stream: Stream, run: str, rows: int
) -> list[dict[str, Any]]:
    """Some rows that a run wrote, the last ones first; tombstones, too."""
    return _run(database, "changed_rows", account, stream, {"run": run, "rows": rows})


def verify(database: Database, account: Account, stream: Stream, run: str) -> dict[str, Any]:
    """Figures that must agree after a run: keys, and rows written against its own count."""
    return _run(database, "verify", account, stream, {"run": run})[0]


def _run(
    database: Database, name: str, account: Account, stream: Stream, values: dict[str, Any]
) -> list[dict[str, Any]]:
    statement = sql.SQL(query(f"inspect.{name}")).format(
        table=sql.Identifier(account.crm, stream.table_name), scope=sql.SQL(stream.scope)
    )
    about = {"workspace": account.workspace, "crm": account.crm, "stream": stream.name}
    with database.connection() as connection:
        return connection.execute(statement, {**about, **values}).fetchall()
