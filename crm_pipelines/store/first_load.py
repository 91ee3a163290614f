"""The fast way into a mirror that is empty: COPY straight into the table."""

from __future__ import annotations

import psycopg
import pyarrow.compute as pc
from psycopg import sql

from crm_pipelines.store.database import Connection
from crm_pipelines.store.digests import DIGEST
from crm_pipelines.store.mirror_table import Target, statement
from crm_pipelines.store.queries import query
from crm_pipelines.store.spelling import Spelled, copy_lines

_NO_OPTIONS, _FROZEN = sql.SQL(""), sql.SQL(" (FREEZE)")


def is_fresh(connection: Connection, target: Target) -> bool:
    """Whether nothing is known of this stream yet, so that all that comes is new."""
    row = connection.execute(statement("is_fresh", target), target.parameters).fetchone()
    return row is not None and bool(row["fresh"])


def fill(connection: Connection, target: Target, chunk: Spelled) -> int | None:
    """COPY records none of whose keys is in the table; how many rows.

    ``None``, and nothing has changed, when a key is there already.
    """
    try:
        with connection.transaction():
            return _copy(connection, target, chunk)
    except psycopg.errors.UniqueViolation:
        return None


def fill_bare(connection: Connection, target: Target, chunk: Spelled) -> int:
    """COPY records into a table whose indexes are set aside; how many rows.

    It must have been truncated in the same part of the transaction.
    """
    return _copy(connection, target, chunk, _FROZEN)


def _copy(
    connection: Connection, target: Target, chunk: Spelled, options: sql.SQL = _NO_OPTIONS
) -> int:
    """The time of writing is said, not left to the column's default: a default that changes from
    row to row makes PostgreSQL insert row by row, and leave pages that vacuum has to write again.
    """
    living = _living(target, chunk)
    names = ("workspace_id", "_run_id", "_synced_at", *target.columns, DIGEST)
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
    copying = sql.SQL("COPY {} ({}) FROM STDIN{}").format(target.table, columns, options)
    row = connection.execute(query("mirror.moment")).fetchone()
    assert row is not None
    marks = (target.workspace, target.run, row["moment"])
    return copy_lines(connection, copying, living.lines, (living.digests,), marks)


def take_stock(connection: Connection, target: Target) -> None:
    """Tell the planner how large a table has become that was empty a moment ago."""
    connection.execute(statement("take_stock", target))


def _living(target: Target, chunk: Spelled) -> Spelled:
    """Without records that the CRM says are deleted: we never had them."""
    if target.stream.deleted_field not in target.columns:
        return chunk
    gone = pc.fill_null(chunk.records.column(target.stream.deleted_field), False)
    return chunk.where(pc.invert(gone)) if pc.any(gone).as_py() else chunk
