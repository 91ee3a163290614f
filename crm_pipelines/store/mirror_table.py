"""Mirror tables: made and widened from the fields of a stream, and merged into chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from crm_pipelines.model.stream import KEY, Field, Stream
from crm_pipelines.store.csv_copy import copy_table, numbered
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query
from crm_pipelines.store.widening import Shape, widen

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Target:
    """One stream's rows in its mirror table, which ``siblings`` (other streams) may fill, too."""

    crm: str
    stream: Stream
    fields: tuple[Field, ...]
    workspace: str
    run: str
    started_at: datetime
    force: bool = False
    siblings: tuple[str, ...] = ()

    @property
    def table(self) -> sql.Identifier:
        """The table, qualified."""
        return sql.Identifier(self.crm, self.stream.table_name)

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
    quoted = f'"{target.crm}"."{target.stream.table_name}"'
    rows = connection.execute(query("mirror.columns"), {"table": quoted}).fetchall()
    have = {row["name"]: row["type"] for row in rows}
    missing = [field for field in target.fields if field.name not in have and field.name != KEY]
    shape = Shape()
    if not have:
        _create(connection, target, missing)
    else:
        shape = widen(connection, quoted, have, target.fields)
    if have and missing:
        added = (sql.SQL("ADD COLUMN {}").format(_definition(field)) for field in missing)
        connection.execute(
            sql.SQL("ALTER TABLE {} {}").format(target.table, sql.SQL(", ").join(added))
        )
        shape = replace(shape, added=tuple(field.name for field in missing))
    labels = {field.name: field.description for field in known}
    for field in target.fields:
        if field in missing or labels.get(field.name, field.description) != field.description:
            _comment(connection, target, field)
    for field in missing:
        if field.name in (target.stream.cursor_field, *target.stream.indexes):
            _index(connection, target, field.name)
    return shape


def _create(connection: Connection, target: Target, fields: list[Field]) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(target.crm)))
    definitions = sql.SQL(",\n    ").join(_definition(field) for field in fields)
    connection.execute(
        _statement("create_table", target, key_type=_key_type(target), definitions=definitions)
    )


def _definition(field: Field) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_literal(field.type.value)))


def _index(connection: Connection, target: Target, column: str) -> None:
    name = f"{target.stream.table_name}_{column}"[:63]
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


def load_chunk(connection: Connection, target: Target, records: pa.Table) -> None:
    """COPY a chunk's columns into the transaction's staging table, emptied first.

    Of several copies of a record the newest stays.
    """
    connection.execute(
        _statement("create_staged", target, columns=_names(target.columns)), prepare=False
    )
    connection.execute("TRUNCATE staged")
    names = list(target.columns)
    copy_table(connection, sql.SQL("COPY staged FROM STDIN (FORMAT csv)"), numbered(records, names))
    row = connection.execute(query("mirror.staged_twice")).fetchone()
    if row is not None and row["twice"]:
        order = _merge_parts(target)["order"]
        connection.execute(_statement("keep_latest", target, order=order))


def merge(connection: Connection, target: Target, *, preview: bool = False) -> dict[str, int]:
    """Merge the staged chunk; counts of created, updated and deleted."""
    statement = _statement("preview" if preview else "merge", target, **_merge_parts(target))
    row = connection.execute(statement, target.parameters).fetchone()
    assert row is not None
    return {name: int(value) for name, value in row.items()}


def _merge_parts(target: Target) -> dict[str, sql.Composable]:
    stamp, names = target.stream.stamp, target.columns
    others = [name for name in names if name != KEY]
    values = {name: _value(target, name) for name in others}
    ours, theirs = sql.SQL(", ").join(values.values()), _names(others, "t")
    gone = _marked(target, "l")
    later = sql.SQL(query("mirror.written_later"))
    order: sql.Composable = sql.SQL("id")
    newer: sql.Composable = sql.SQL("NOT {}").format(later)
    if stamp in names:
        order = sql.SQL("{} DESC NULLS LAST").format(sql.Identifier(str(stamp)))
        newer = sql.SQL(query("mirror.newer")).format(
            new=sql.Identifier("l", str(stamp)),
            old=sql.Identifier("t", str(stamp)),
            marked=_marked(target, "t"),
            later=later,
        )
    differs: sql.Composable = sql.SQL(
        "({}) IS DISTINCT FROM ({}) OR (t._deleted_at IS NOT NULL) <> ({})"
    ).format(ours, theirs, gone)
    if target.force:
        newer, differs = sql.SQL("true"), sql.SQL("true")
    return {
        "columns": _names(names),
        "order": order,
        "gone": gone,
        "newer": newer,
        "differs": differs,
        "assignments": sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()
        ),
    }


def _value(target: Target, name: str) -> sql.Composable:
    """What a row gets: the new value, and what the old one has of fields the CRM has removed."""
    new, old = sql.Identifier("l", name), sql.Identifier("t", name)
    keyed = any(field.name == name and field.keyed for field in target.fields)
    if not keyed or target.force:
        return new
    return sql.SQL(query("mirror.keyed")).format(new=new, old=old)


def _marked(target: Target, of: str) -> sql.Composable:
    """Whether a copy of a record says itself that it is deleted."""
    field = target.stream.deleted_field
    if field not in target.columns:
        return sql.SQL("false")
    return sql.SQL("coalesce({}, false)").format(sql.Identifier(of, str(field)))


def prepare_seen(connection: Connection, target: Target) -> None:
    """The transaction's list of keys that a full sync saw."""
    connection.execute(_statement("create_seen", target, key_type=_key_type(target)))


def note_seen(connection: Connection, target: Target) -> None:
    """Remember the staged keys for ``bury_missing``."""
    prepare_seen(connection, target)
    connection.execute(query("mirror.note_seen"))


def note_rejected(connection: Connection, target: Target, keys: list[str]) -> None:
    """Remember the keys of rejected records, too."""
    statement = _statement("note_rejected", target, key_type=_key_type(target))
    connection.execute(statement, {"keys": keys})


def bury_missing(connection: Connection, target: Target, *, preview: bool = False) -> int:
    """Tombstone what was not seen; how many rows."""
    scope = sql.SQL(_literal(target.stream.scope))
    statement = _statement("count_missing" if preview else "bury_missing", target, scope=scope)
    cursor = connection.execute(statement, target.parameters)
    if preview:
        row = cursor.fetchone()
        return int(row["missing"]) if row else 0
    return cursor.rowcount


def _statement(name: str, target: Target, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(query(f"mirror.{name}")).format(table=target.table, **parts)


def _names(names: tuple[str, ...] | list[str], of: str = "") -> sql.Composed:
    qualified = (sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
    return sql.SQL(", ").join(qualified)


def _key_type(target: Target) -> sql.SQL:
    key = next(field for field in target.fields if field.name == KEY)
    return sql.SQL(_literal(key.type.value))


def _literal(text: str) -> LiteralString:
    """Declared in our own code, never taken from a CRM."""
    return text
