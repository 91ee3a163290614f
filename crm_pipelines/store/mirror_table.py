"""Mirror tables: made and widened from the fields of a stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql

from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.rules import CHECKS
from crm_pipelines.model.stream import KEY, LONGEST_NAME, Field, Stream
from crm_pipelines.store.database import Connection
from crm_pipelines.store.digests import DIGEST, salt_of
from crm_pipelines.store.queries import query
from crm_pipelines.store.widening import Shape, widen

EDITION = 1
"""Of what transform and validate make of a record, where that is not declared but programmed.

To be raised whenever the same record would become other values, or be judged otherwise: rows that
were written before are then looked at once more.
"""


@dataclass(frozen=True)
class Target:
    """One stream's rows in its mirror table, which ``siblings`` (other streams) may fill, too.

    ``strict`` says that records that fail a check do not get there.
    """

    crm: str
    stream: Stream
    fields: tuple[Field, ...]
    workspace: str
    run: str
    started_at: datetime
    force: bool = False
    siblings: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        stream: Stream,
        run: str,
        *,
        strict: bool,
        siblings: tuple[str, ...] = (),
    ) -> Target:
        """Where the records of a manifest go."""
        return cls(
            manifest.crm,
            stream,
            manifest.fields,
            manifest.workspace,
            run,
            manifest.started_at,
            force=manifest.options.force_overwrite,
            siblings=siblings,
            strict=strict,
        )

    @property
    def table(self) -> sql.Identifier:
        """The table, qualified."""
        return sql.Identifier(self.crm, self.stream.table_name)

    @property
    def quoted(self) -> str:
        """The table as text, for ``to_regclass``."""
        return f'"{self.crm}"."{self.stream.table_name}"'

    @property
    def key_type(self) -> sql.SQL:
        """The type of the key."""
        key = next(field for field in self.fields if field.name == KEY)
        return sql.SQL(literal(key.type.value))

    @property
    def indexes(self) -> dict[str, str]:
        """Names of the secondary indexes, and their columns."""
        wanted = (self.stream.cursor_field, *self.stream.indexes)
        columns = (name for name in wanted if name in self.columns)
        return {f"{self.stream.table_name}_{name}"[:LONGEST_NAME]: str(name) for name in columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """The CRM's columns in the order chunks carry them."""
        return tuple(field.name for field in self.fields)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements are run with."""
        return {
            "workspace": self.workspace,
            "crm": self.crm,
            "stream": self.stream.name,
            "streams": [self.stream.name, *self.siblings],
            "run": self.run,
            "started_at": self.started_at,
        }


def ensure(connection: Connection, target: Target, known: tuple[Field, ...] = ()) -> Shape:
    """Make the table if it is missing, add columns it lacks, widen those that hold too little.

    ``known`` are the fields as the last sync saw them: a new label is written down. Returns what
    was done to a table that was there before. The lock keeps two runs from altering at once;
    ``ALTER TABLE`` itself waits for merges that are under way.
    """
    connection.execute(query("mirror.lock"), {"name": f"ddl {target.crm}"})
    have = {row["name"]: row["type"] for row in _columns(connection, target)}
    missing = [field for field in target.fields if field.name not in have and field.name != KEY]
    shape = Shape()
    if not have:
        _create(connection, target, missing)
    else:
        shape = widen(connection, target.quoted, have, target.fields)
    if have and missing:
        added = (sql.SQL("ADD COLUMN {}").format(_definition(field)) for field in missing)
        connection.execute(
            sql.SQL("ALTER TABLE {} {}").format(target.table, sql.SQL(", ").join(added))
        )
        shape = replace(shape, added=tuple(field.name for field in missing))
    if DIGEST not in have:
        _watch_digests(connection, target, made=not have)
    labels = {field.name: field.description for field in known}
    for field in target.fields:
        if field in missing or labels.get(field.name, field.description) != field.description:
            _comment(connection, target, field)
    lacking = {field.name for field in missing}
    for name, column in target.indexes.items():
        if column in lacking:
            _index(connection, target, name, column)
    return shape


def salt(connection: Connection, target: Target) -> int | None:
    """A number for everything that decides what becomes of a record as it came.

    That is how fields are read, what is asked of their values, and the columns as they are in the
    table now: one of another type holds other values, and one that was dropped and made anew holds
    none. Digests from before do not count then. ``None`` where the table lacks a column.
    """
    found = {row["name"]: row for row in _columns(connection, target)}
    if not found.keys() >= {*target.columns, DIGEST}:
        return None
    columns = [(name, found[name]["number"], found[name]["type"]) for name in target.columns]
    return salt_of(EDITION, columns, _reading(target), _judging(target))


def _reading(target: Target) -> list[Any]:
    return [(one.source, one.type.value, one.keyed) for one in target.fields]


def _judging(target: Target) -> list[Any]:
    checks = [(one.check, CHECKS.get(one.check), one.country, one.length) for one in target.fields]
    return [target.strict, checks, target.stream.required, target.stream.rules]


def _columns(connection: Connection, target: Target) -> list[dict[str, Any]]:
    return connection.execute(query("mirror.columns"), {"table": target.quoted}).fetchall()


def _watch_digests(connection: Connection, target: Target, *, made: bool) -> None:
    """Digests for a table from before there were any; rows get theirs when they are met."""
    if not made:
        connection.execute(statement("add_digest", target))
    connection.execute(statement("watch_digests", target))


def _create(connection: Connection, target: Target, fields: list[Field]) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(target.crm)))
    definitions = sql.SQL(",\n    ").join(_definition(field) for field in fields)
    connection.execute(
        statement("create_table", target, key_type=target.key_type, definitions=definitions)
    )


def _definition(field: Field) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(literal(field.type.value)))


def _index(connection: Connection, target: Target, name: str, column: str) -> None:
    connection.execute(
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
            sql.Identifier(name), target.table, sql.Identifier(column)
        )
    )


def _comment(connection: Connection, target: Target, field: Field) -> None:
    text = f"{field.source}: {field.description}" if field.description else field.source
    connection.execute(
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
            target.table, sql.Identifier(field.name), sql.Literal(text)
        )
    )


def statement(name: str, target: Target, **parts: sql.Composable) -> sql.Composed:
    """A statement of ``mirror.sql`` about the table."""
    return sql.SQL(query(f"mirror.{name}")).format(table=target.table, **parts)


def literal(text: str) -> LiteralString:
    """Declared in our own code, never taken from a CRM."""
    return text
