"""Rows for trying out, put into the local side as any program would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.store.database import Database
from crm_pipelines.store.queries import query

Rows = Sequence[Mapping[str, Any]]


def add(database: Database, workspace: str, tables: Mapping[str, Rows]) -> dict[str, int]:
    """Rows by table, in an order in which they can refer to each other; all of it or nothing.

    Rows whose id is there stay as they are. How many of each table were added.
    """
    with database.transaction() as connection:
        return {
            table: connection.execute(
                query(f"demo_data.{table}"), {"workspace": workspace, "rows": Jsonb(list(rows))}
            ).rowcount
            for table, rows in tables.items()
        }
