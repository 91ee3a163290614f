"""Views that show custom fields under the names people gave them."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.dependents import with_views_aside
from crm_pipelines.store.queries import query


def refresh(database: Database, crm: str, entity: str, fields: str) -> str | None:
    """Make ``{entity}_named`` anew if both tables are there and its text would be another.

    Views that people built on it are made anew, too. Returns what stood in the way: one of them
    may show a column that is gone.
    """
    view = sql.Identifier(crm, f"{entity}_named")
    quoted = {name: f'"{crm}"."{name}"' for name in (entity, fields)}
    with database.transaction() as connection:
        connection.execute(query("mirror.lock"), {"name": f"ddl {crm}"})
        for table in quoted.values():
            there = connection.execute("SELECT to_regclass(%s) AS found", (table,)).fetchone()
            if there is None or there["found"] is None:
                return None
        statement = sql.SQL(query("named_views.definition")).format(
            fields=sql.Identifier(crm, fields)
        )
        names = {"entity": quoted[entity], "fields_table": quoted[fields]}
        row = connection.execute(statement, names).fetchone()
        assert row is not None
        body: LiteralString = row["body"]
        comment = connection.execute(
            "SELECT obj_description(to_regclass(%s)) AS made_from", (f'"{crm}"."{entity}_named"',)
        ).fetchone()
        if comment is not None and comment["made_from"] == body:
            return None
        return with_views_aside(
            connection, f'"{crm}"."{entity}_named"', lambda: _make(connection, view, body)
        )


def _make(connection: Connection, view: sql.Identifier, body: LiteralString) -> None:
    connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
    connection.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, sql.SQL(body)))
    connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(body)))
