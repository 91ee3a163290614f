"""Arrow tables into PostgreSQL by COPY, spelled as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopg import sql

from crm_pipelines.store.ahead import ahead
from crm_pipelines.store.database import Connection

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1_000
"""Rows that are spelled at a time."""


def copy_table(connection: Connection, statement: sql.SQL | sql.Composed, records: pa.Table) -> int:
    """Run a ``COPY ... FROM STDIN (FORMAT csv)`` with these records; how many got in."""
    with connection.cursor() as cursor:
        with ahead(_spelled(records)) as pieces, cursor.copy(statement) as copy:
            for piece in pieces:
                copy.write(piece)
        return cursor.rowcount


def numbered(records: pa.Table, names: list[str]) -> pa.Table:
    """These columns, and the rows' own order as the last one."""
    import pyarrow as pa

    position = pa.array(range(records.num_rows), pa.int64())
    return records.select(names).append_column("_position", position)


def _spelled(records: pa.Table) -> Iterator[memoryview]:
    """CSV in pieces; an empty text is quoted, a null is not, so the two stay apart."""
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in records.to_batches(max_chunksize=_BATCH):
        sink = pa.BufferOutputStream()
        csv.write_csv(batch, sink, options)
        yield memoryview(sink.getvalue())
