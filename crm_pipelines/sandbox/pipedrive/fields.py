"""Field definitions of the entities, custom ones included, with their options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.definition import definition
from crm_pipelines.sandbox.pipedrive.records import decode, encode
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record


class Fields:
    """The fields of each collection, in their order.

    A definition is the v2 object; ``field_code`` is its key. Kept small enough to be read whole.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_fields"
                " (number INTEGER PRIMARY KEY, collection, code, body, UNIQUE (collection, code))"
            )

    def of(self, collection: str) -> list[Record]:
        """Every definition of a collection."""
        return [definition for _, definition in self.numbered(collection)]

    def numbered(self, collection: str) -> list[tuple[int, Record]]:
        """Every definition with the number that v1 knows it by."""
        found = self._database.rows(
            "SELECT number, body FROM pipedrive_fields WHERE collection = ? ORDER BY number",
            (collection,),
        )
        return [(number, decode(body)) for number, body in found]

    def get(self, collection: str, code: str) -> Record | None:
        """One definition."""
        found = self._database.rows(
            "SELECT body FROM pipedrive_fields WHERE collection = ? AND code = ?",
            (collection, code),
        )
        return dict(decode(found[0][0])) if found else None

    def custom(self, collection: str) -> list[Record]:
        """The custom ones."""
        return [field for field in self.of(collection) if field["is_custom_field"]]

    def types(self, collection: str) -> dict[str, str]:
        """Types of all fields by code."""
        found = self._database.rows(
            "SELECT code, json_extract(body, '$.field_type') FROM pipedrive_fields"
            " WHERE collection = ?",
            (collection,),
        )
        return dict(found)

    def put(self, collection: str, definitions: Iterable[Record]) -> None:
        """Add definitions, or replace those with the same code in their place."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO pipedrive_fields (collection, code, body) VALUES (?, ?, ?)"
                " ON CONFLICT (collection, code) DO UPDATE SET body = excluded.body",
                (
                    (collection, field["field_code"], encode(field).decode())
                    for field in definitions
                ),
            )

    def remove(self, collection: str, code: str) -> None:
        """Drop a definition, and its values with it; its code and option ids never come again."""
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE {COLLECTIONS[collection].table}"  # noqa: S608
                " SET body = json_remove(body, '$.custom_fields.\"' || ? || '\"')",
                (code,),
            )
            connection.execute(
                "UPDATE pipedrive_fields SET collection = '' WHERE collection = ? AND code = ?",
                (collection, code),
            )

    def create(
        self, collection: str, name: str, kind: str, labels: list[str] | None, at: datetime
    ) -> Record:
        """A new custom field; every record shows it at once, as null."""
        found = self._database.rows("SELECT coalesce(max(number), 0) + 1 FROM pipedrive_fields")
        text = f"{collection}/{name}/{found[0][0]}"
        code = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        options = None if labels is None else self.new_options(labels, at)
        field = definition(name, code, kind, options, custom=True)
        with self._database.transaction() as connection:
            self.put(collection, [field])
            connection.execute(
                f"UPDATE {COLLECTIONS[collection].table}"  # noqa: S608
                " SET body = json_set(body, '$.custom_fields.\"' || ? || '\"', NULL)",
                (code,),
            )
        return field

    def new_options(self, labels: Iterable[str], at: datetime) -> list[Record]:
        """Options with fresh ids, not yet part of a field."""
        added_at = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return [
            {"id": number, "label": label, "color": None, "add_time": added_at, "update_time": None}
            for number, label in enumerate(labels, self._next_option_id())
        ]

    def _next_option_id(self) -> int:
        """Option ids are one sequence in a company."""
        found = self._database.rows(
            "SELECT coalesce(max(json_extract(option.value, '$.id')), 0) + 1"
            " FROM pipedrive_fields, json_each(body, '$.options') AS option"
            " WHERE typeof(json_extract(option.value, '$.id')) = 'integer'"
        )
        return int(found[0][0])

    def option_labels(self, collection: str) -> dict[str, dict[Any, str]]:
        """Labels by option id, by field code."""
        return {
            field["field_code"]: {option["id"]: option["label"] for option in field["options"]}
            for field in self.of(collection)
            if field["options"]
        }
