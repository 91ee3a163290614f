"""Views that people built on our tables and views: set aside for a moment, and made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query

View = dict[str, Any]

_REFUSALS = (
    psycopg.errors.DependentObjectsStillExist,  # something else than a view
    psycopg.NotSupportedError,
    psycopg.ProgrammingError,  # a view whose text would make no sense any more, or not ours
    psycopg.DataError,
)


class _NotPlain(Exception):
    """A view that cannot simply be made anew."""


def with_views_aside(
    connection: Connection, relation: str, change: Callable[[], object]
) -> str | None:
    """Make a change that views stand in the way of; they are the same afterwards.

    What cannot be had without harm to somebody's view is left undone: then the answer says what
    stood in the way. ``relation`` is quoted where it must be.
    """
    name = ""
    try:
        with connection.transaction():
            views = connection.execute(query("dependents.views"), {"relation": relation}).fetchall()
            for view in views:
                name = view["name"]
                if not view["plain"] or view["attached"]:
                    raise _NotPlain
            on_top = [view for view in views if view["depth"]]
            for view in reversed(on_top):
                name = view["name"]
                connection.execute(sql.SQL("DROP VIEW {}").format(raw(name)))
            name = ""
            change()
            for view in views:
                name = view["name"]
                _restore(connection, view)
    except _NotPlain:
        return f"{name} is built on {relation} and cannot be made anew: drop it, then sync"
    except _REFUSALS as error:
        said = str(error).strip().splitlines()[0]
        what = f"{name} is built on it" if name else "something is built on it"
        return f"{relation} could not be changed, {what}: {said}"
    return None


def _restore(connection: Connection, view: View) -> None:
    """As it was; the changed relation itself only needs to belong to the same people again."""
    name = raw(view["name"])
    if not view["depth"]:
        for statement in _rights(view, name):
            connection.execute(statement)
        return
    options = sql.SQL(" WITH ({})").format(raw(view["options"])) if view["options"] else sql.SQL("")
    body = sql.SQL("CREATE VIEW {}{} AS {}").format(name, options, raw(view["body"]))
    connection.execute(body)
    for statement in _trimmings(view, name):
        connection.execute(statement)


def _trimmings(view: View, name: sql.Composable) -> Iterable[sql.Composed]:
    yield from _rights(view, name)
    if view["comment"] is not None:
        yield sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(view["comment"]))
    for column, text in (view["column_comments"] or {}).items():
        place = sql.SQL("{}.{}").format(name, sql.Identifier(column))
        yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, sql.Literal(text))


def _rights(view: View, name: sql.Composable) -> Iterable[sql.Composed]:
    owner = sql.Identifier(view["owner"])
    yield sql.SQL("ALTER VIEW {} OWNER TO {}").format(name, owner)
    for grant in view["grants"]:
        where = sql.SQL(" ({})").format(sql.Identifier(grant["on"])) if grant["on"] else sql.SQL("")
        to = sql.Identifier(grant["to"]) if grant["to"] else sql.SQL("PUBLIC")
        more = sql.SQL(" WITH GRANT OPTION" if grant["further"] else "")
        yield sql.SQL("GRANT {}{} ON {} TO {}{}").format(raw(grant["what"]), where, name, to, more)


def raw(text: str) -> sql.SQL:
    """PostgreSQL's own words, as its catalogue gave them."""
    literal: LiteralString = text
    return sql.SQL(literal)
