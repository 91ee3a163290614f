"""Chunks on their way into a mirror table: staged, then merged by one statement."""

from __future__ import annotations

import pyarrow as pa
from psycopg import sql

from crm_pipelines.model.stream import KEY
from crm_pipelines.store.database import Connection
from crm_pipelines.store.mirror_table import Target, statement
from crm_pipelines.store.queries import query
from crm_pipelines.store.spelling import Spelled, copy_lines

_STAGED = sql.SQL("COPY staged FROM STDIN").format()


def merge(
    connection: Connection,
    target: Target,
    chunk: Spelled,
    *,
    preview: bool = False,
    sweeping: bool = False,
) -> dict[str, int]:
    """Stage records and merge them; counts of created, updated, deleted and written again.

    ``sweeping`` says that they are part of all that the CRM has.
    """
    if not chunk.num_rows:
        return {}
    _stage(connection, target, chunk)
    parts = _merge_parts(target)
    merging = statement("preview" if preview else "merge", target, **parts)
    row = connection.execute(merging, target.parameters).fetchone()
    assert row is not None
    written = row["created"] + row["updated"] + row["deleted"]
    if written < chunk.num_rows and not (preview or target.force):
        adopting = statement("adopt", target, differs=parts["differs"])
        connection.execute(adopting, {**target.parameters, "sweeping": sweeping})
    return {name: int(value) for name, value in row.items()}


def _stage(connection: Connection, target: Target, chunk: Spelled) -> None:
    """COPY records whole; of several copies of one the newest stays."""
    create = statement("create_staged", target, columns=_names(target.columns))
    connection.execute(create, prepare=False)
    connection.execute("TRUNCATE staged")
    positions = pa.array(range(chunk.num_rows), pa.int64())
    copy_lines(connection, _STAGED, chunk.lines, (chunk.digests, positions))
    row = connection.execute(query("mirror.staged_twice")).fetchone()
    if row is not None and row["twice"]:
        order = _merge_parts(target)["order"]
        connection.execute(statement("keep_latest", target, order=order))


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


def _names(names: tuple[str, ...] | list[str], of: str = "") -> sql.Composed:
    qualified = (sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
    return sql.SQL(", ").join(qualified)
