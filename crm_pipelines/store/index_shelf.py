"""Indexes of a table that is about to be filled: set aside, and made anew when it is full.

An index that grows row by row costs several times what one costs that is made of all rows at
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from crm_pipelines.store.database import Connection
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.queries import query
from crm_pipelines.store.refused import is_about_data

WORTHWHILE = 20_000
"""Rows from which on the time saved is more than what dropping and making takes."""

_PATIENCE = "3s"
"""Longer than it takes PostgreSQL to call off an autovacuum that is in the way."""


Index = dict[str, Any]


class _NotNow(Exception):
    """There are rows, or nothing to drop."""


_REFUSALS = (
    _NotNow,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,  # another workspace wants the same
    psycopg.errors.DependentObjectsStillExist,  # somebody's view needs the primary key
    psycopg.errors.FeatureNotSupported,  # somebody's foreign key forbids to truncate
    psycopg.errors.InsufficientPrivilege,
)


class NotPlain(Exception):
    """A record came twice or is refused by PostgreSQL; nothing of the load is left."""


@contextmanager
def aside(connection: Connection, target: Target) -> Iterator[bool]:
    """Within, a table in which nobody has a row lacks its primary key and our own indexes.

    Hands out whether it does: not where there are rows, or somebody uses the table just now.
    Indexes that people made stay where they are. Until the transaction ends nobody can read the
    table (``ACCESS EXCLUSIVE``): who asks waits for the load instead of being told that there is
    nothing. The table is truncated, too, so that ``COPY`` may write rows as old and settled, and
    nobody has to write their pages once more to say so. Whatever fails leaves all as it was.
    Raises ``NotPlain`` where the records are what fails.
    """
    shelf: list[Index] = []
    try:
        with connection.transaction():
            shelf = _set_aside(connection, target)
            yield bool(shelf)
            for one in shelf:
                connection.execute(_making(target, one))
    except psycopg.Error as error:
        if shelf and is_about_data(error):
            raise NotPlain from error
        raise


def _set_aside(connection: Connection, target: Target) -> list[Index]:
    """What was dropped; nothing where that could not be."""
    try:
        with connection.transaction():
            before = connection.execute(query("indexes.patience"), {"wait": _PATIENCE}).fetchone()
            assert before is not None
            connection.execute(sql.SQL("LOCK TABLE {}").format(target.table))
            about = {"table": target.quoted, "names": list(target.indexes)}
            empty = connection.execute(query("indexes.is_empty"), about).fetchone()
            shelf = connection.execute(query("indexes.ours"), about).fetchall()
            if empty is None or not empty["found"] or not shelf:
                raise _NotNow  # which gives the lock back
            connection.execute(sql.SQL("TRUNCATE {}").format(target.table))
            for one in shelf:
                connection.execute(_dropping(target, one))
            connection.execute(query("indexes.patience"), {"wait": before["before"]})
            return shelf
    except _REFUSALS:
        return []  # the table is filled with its indexes in place, which takes a little longer


def _dropping(target: Target, one: Index) -> sql.Composed:
    if one["key"] is not None:
        name = sql.Identifier(one["key"])
        return sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(target.table, name)
    return sql.SQL("DROP INDEX {}").format(sql.Identifier(target.crm, one["name"]))


def _making(target: Target, one: Index) -> sql.Composed:
    definition: LiteralString = one["definition"]  # PostgreSQL's own words
    if one["key"] is None:
        return sql.Composed([sql.SQL(definition)])
    parts = (target.table, sql.Identifier(one["key"]), sql.SQL(definition))
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(*parts)
