"""Rows that PostgreSQL refuses: a chunk is halved until they stand alone, the rest gets in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_pipelines.store.database import Connection
from crm_pipelines.store.spelling import Spelled

if TYPE_CHECKING:
    import pyarrow as pa

_DATA = ("22", "23", "54")
"""Classes of SQLSTATE that are about the data: exceptions, constraints, limits of the program."""

_COLUMN = re.compile(r"column \"?(\w+)\"?")


@dataclass(frozen=True)
class Refused:
    """One row that does not get in: a table of one row, and PostgreSQL's word about which column.

    ``column`` is ``*`` where PostgreSQL names none.
    """

    record: pa.Table
    column: str
    state: str
    reason: str

    @property
    def label(self) -> str:
        """How counts of such rows are named, whatever their values."""
        return f"{self.column}: PostgreSQL refuses it (SQLSTATE {self.state})"


def merge_or_halve(
    connection: Connection, chunk: Spelled, merge: Callable[[Spelled], Counter[str]]
) -> tuple[Counter[str], list[Refused]]:
    """What merging counted, and what was left out because PostgreSQL refuses it.

    Trouble that is not about the data is raised as it came.
    """
    try:
        with connection.transaction():
            return merge(chunk), []
    except Exception as error:
        found = _refusal(error)
        if found is None:
            raise
        if chunk.num_rows == 1:
            return Counter(), [Refused(chunk.records, *found)]
    half = chunk.num_rows // 2
    counts, refused = merge_or_halve(connection, chunk.slice(0, half), merge)
    more, others = merge_or_halve(connection, chunk.slice(half), merge)
    return counts + more, refused + others


def is_about_data(error: Exception) -> bool:
    """Whether PostgreSQL refuses what the records hold."""
    return _refusal(error) is not None


def _refusal(error: Exception) -> tuple[str, str, str] | None:
    """Column, SQLSTATE and reason, if it is the data that is refused."""
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str) or state[:2] not in _DATA:
        return None
    said = getattr(error, "diag", None)
    words = getattr(said, "message_primary", None) or str(error).strip().splitlines()[0]
    column = getattr(said, "column_name", None)
    if column is None:
        named = _COLUMN.search(getattr(said, "context", None) or "")
        column = named[1] if named else "*"
    return str(column), state, f"PostgreSQL refuses it: {words} (SQLSTATE {state})"
