"""The fast way into a mirror that is empty: COPY straight into the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from crm_pipelines.store.csv_copy import copy_table
from crm_pipelines.store.database import Connection
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.queries import query

if TYPE_CHECKING:
    import pyarrow as pa


def is_fresh(connection: Connection, target: Target) -> bool:
    """Whether nothing is known of this stream yet, so that all that comes is new."""
    statement = sql.SQL(query("mirror.is_fresh")).format(table=target.table)
    row = connection.execute(statement, target.parameters).fetchone()
    return row is not None and bool(row["fresh"])


def fill(connection: Connection, target: Target, records: pa.Table) -> int | None:
    """COPY records none of whose keys is in the table; how many rows.

    ``None``, and nothing has changed, when a key is there already.
    """
    living = _living(target, records).select(list(target.columns))
    marks = {"workspace_id": target.workspace, "_run_id": target.run}
    names = [sql.Identifier(name) for name in (*target.columns, *marks)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        target.table, sql.SQL(", ").join(names)
    )
    try:
        with connection.transaction():
            return copy_table(connection, statement, _marked(living, marks))
    except psycopg.errors.UniqueViolation:
        return None


def take_stock(connection: Connection, target: Target) -> None:
    """Tell the planner how large a table has become that was empty a moment ago."""
    connection.execute(sql.SQL(query("mirror.take_stock")).format(table=target.table))


def _living(target: Target, records: pa.Table) -> pa.Table:
    """Without records that the CRM says are deleted: we never had them."""
    import pyarrow.compute as pc

    if target.stream.deleted_field not in target.columns:
        return records
    gone = pc.fill_null(records.column(target.stream.deleted_field), False)
    return records.filter(pc.invert(gone)) if pc.any(gone).as_py() else records


def _marked(records: pa.Table, marks: dict[str, str]) -> pa.Table:
    import pyarrow as pa

    for name, value in marks.items():
        records = records.append_column(name, pa.repeat(value, records.num_rows))
    return records
