"""Columns whose fields changed their type: widened where that loses nothing, else left as wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

from crm_pipelines.model.stream import Field, Type
from crm_pipelines.store.database import Connection
from crm_pipelines.store.dependents import raw, with_views_aside

SPOKEN = {
    "timestamp with time zone": Type.TIMESTAMP,
    "time without time zone": Type.TIME,
}
"""Types by the names PostgreSQL gives them, where those are others than ours."""

_MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

_PLAIN = {
    (Type.INTEGER, Type.DECIMAL): "{column}::numeric",
    (Type.DATE, Type.TIMESTAMP): "{column}::timestamp AT TIME ZONE 'UTC'",
    (Type.DATE, Type.TEXT): "to_char({column}, 'YYYY-MM-DD')",
    (Type.TIMESTAMP, Type.TEXT): f"to_char({{column}} AT TIME ZONE 'UTC', '{_MOMENT}')",
    (Type.JSON, Type.TEXT): "CASE jsonb_typeof({column}) WHEN 'string' THEN {column} #>> '{{}}'"
    " ELSE {column}::text END",
}
"""How values of one type become values of a wider one, where a plain cast would not say it."""


@dataclass(frozen=True)
class Shape:
    """What became of a table's columns. ``hindrances`` say why something was left as it was."""

    added: tuple[str, ...] = ()
    widened: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)
    hindrances: tuple[str, ...] = ()


def widen(
    connection: Connection, table: str, have: Mapping[str, str], fields: tuple[Field, ...]
) -> Shape:
    """Alter the columns that no longer hold what their fields have; views on top survive.

    ``table`` is quoted.
    """
    wider, narrowed = changes(have, fields)
    if not wider:
        return Shape(narrowed=narrowed)
    parts = sql.SQL(", ").join(alteration(name, *kinds) for name, kinds in wider.items())
    statement = sql.SQL("ALTER TABLE {} {}").format(raw(table), parts)
    hindrance = with_views_aside(connection, table, lambda: connection.execute(statement))
    if hindrance:
        return Shape(narrowed=narrowed, hindrances=(hindrance,))
    told = {name: f"{was.value} → {now.value}" for name, (was, now) in wider.items()}
    return Shape(widened=told, narrowed=narrowed)


def known_type(spoken: str) -> Type | None:
    """The type PostgreSQL calls so; ``None`` for one that is none of ours."""
    return SPOKEN.get(spoken) or next((kind for kind in Type if kind.value == spoken), None)


def common(have: Type, want: Type) -> Type:
    """The narrowest type that holds every value of both: anything is text, or JSON, in the end."""
    if have is want or holds(have, want):
        return have
    if holds(want, have):
        return want
    return Type.TEXT


def holds(wide: Type, narrow: Type) -> bool:
    """Whether a column of the one type can hold every value of the other."""
    if wide is Type.TEXT:
        return True
    if wide is Type.JSON:
        return narrow is not Type.TEXT
    return (narrow, wide) in _PLAIN


def changes(
    have: Mapping[str, str], fields: tuple[Field, ...]
) -> tuple[dict[str, tuple[Type, Type]], dict[str, str]]:
    """Columns to widen (from, to), and what stays wider than its field, in words.

    ``have`` are the columns of the table by name, with PostgreSQL's names of their types. A
    column of a type that is none of ours was made so by somebody on purpose, and is left alone.
    """
    wider: dict[str, tuple[Type, Type]] = {}
    narrowed: dict[str, str] = {}
    for one in fields:
        kind = known_type(have.get(one.name, ""))
        if kind is None or kind is one.type:
            continue
        target = common(kind, one.type)
        if target is kind:
            narrowed[one.name] = f"{kind.value} → {one.type.value}"
        else:
            wider[one.name] = (kind, target)
    return wider, narrowed


def alteration(name: str, have: Type, want: Type) -> sql.Composed:
    """One part of an ``ALTER TABLE``: no value is lost on the way."""
    plain = _PLAIN.get((have, want))
    if plain is None:
        plain = "to_jsonb({column})" if want is Type.JSON else "{column}::text"
    return sql.SQL("ALTER COLUMN {column} TYPE {type} USING {cast}").format(
        column=sql.Identifier(name),
        type=sql.SQL(want.value),
        cast=sql.SQL(plain).format(column=sql.Identifier(name)),
    )
