"""Records of a company in SQLite: the JSON the API shows, beside the keys it is asked for by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Collection, Record

encode = msgspec.json.encode
decode = msgspec.json.decode


@dataclass
class Question:
    """What a list asks for. ``where`` are SQL conditions that all hold, with ``values``."""

    collection: str
    where: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    sort: str = "id"
    descending: bool = False
    limit: int = 100
    after: tuple[Any, Any] | None = None
    offset: int = 0

    def require(self, condition: str, *values: Any) -> None:
        """One more condition."""
        self.where.append(condition)
        self.values.extend(values)


@dataclass(frozen=True)
class Row:
    """One row of an answer; ``body`` is JSON text."""

    identity: Any
    marker: Any
    body: str


class Records:
    """Every collection of one company."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            for collection in COLLECTIONS.values():
                for statement in _tables(collection):
                    connection.execute(statement)

    def count(self, name: str) -> int:
        """Rows of a collection, deleted ones included."""
        table = COLLECTIONS[name].table
        return int(self._database.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608

    def put(self, name: str, records: Iterable[Record]) -> None:
        """Write records, replacing those with the same id."""
        collection = COLLECTIONS[name]
        keys = _keys(collection)
        marks = ", ".join("?" * (len(keys) + 3))
        with self._database.transaction() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {collection.table} VALUES ({marks})",  # noqa: S608
                (
                    (
                        record["id"],
                        collection.is_gone(record),
                        *(record.get(key) for key in keys),
                        encode(record).decode(),
                    )
                    for record in records
                ),
            )

    def remove(self, name: str, identity: Any) -> None:
        """Forget a record for good."""
        table = COLLECTIONS[name].table
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM {table} WHERE id = ?", (identity,))  # noqa: S608

    def get(self, name: str, identity: Any) -> Record | None:
        """One record, deleted or not."""
        found = self._database.rows(
            f"SELECT body FROM {COLLECTIONS[name].table} WHERE id = ?",  # noqa: S608
            (identity,),
        )
        return dict(decode(found[0][0])) if found else None

    def update(self, name: str, identity: Any, **values: Any) -> None:
        """Set keys of a record that is there; nothing otherwise."""
        with self._database.transaction():
            record = self.get(name, identity)
            if record is not None:
                self.put(name, [{**record, **values}])

    def next_id(self, name: str) -> int:
        """The next free number."""
        table = COLLECTIONS[name].table
        return int(self._database.rows(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")[0][0])  # noqa: S608

    def select(self, question: Question) -> Sequence[Row]:
        """The rows a list asks for, in order."""
        order = "DESC" if question.descending else "ASC"
        marker = "id" if question.sort == "id" else f"coalesce({question.sort}, '')"
        where, values = list(question.where), list(question.values)
        if question.after is not None:
            where.append(f"({marker}, id) {'<' if question.descending else '>'} (?, ?)")
            values.extend(question.after)
        sql = (
            f"SELECT id, {marker}, body FROM {COLLECTIONS[question.collection].table}"  # noqa: S608
            f" WHERE {' AND '.join(where) or '1'} ORDER BY {marker} {order}, id {order}"
            " LIMIT ? OFFSET ?"
        )
        return [
            Row(*row)
            for row in self._database.rows(sql, (*values, question.limit, question.offset))
        ]

    def each(self, name: str, *, deleted: bool = False) -> Iterator[Record]:
        """Every record by id, read in portions so that any number fits."""
        question = Question(name, limit=1000)
        if not deleted:
            question.require("gone = 0")
        while rows := self.select(question):
            for row in rows:
                yield decode(row.body)
            question.after = (rows[-1].identity, rows[-1].identity)


def _keys(collection: Collection) -> tuple[str, ...]:
    return (*collection.columns, *(s for s in collection.sorts if s not in collection.columns))


def _tables(collection: Collection) -> Iterator[str]:
    table = collection.table
    identity = "INTEGER PRIMARY KEY" if collection.identity == "number" else "PRIMARY KEY"
    columns = "".join(f", {key}" for key in _keys(collection))
    yield f"CREATE TABLE IF NOT EXISTS {table} (id {identity}, gone{columns}, body)"
    for key in collection.columns:
        yield f"CREATE INDEX IF NOT EXISTS {table}_{key} ON {table} ({key}, id)"
    for key in collection.sorts:
        yield (f"CREATE INDEX IF NOT EXISTS {table}_by_{key} ON {table} (coalesce({key}, ''), id)")
