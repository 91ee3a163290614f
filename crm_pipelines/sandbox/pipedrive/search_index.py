"""What search can find: values of records, each with the time from and until which it is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

SEARCHABLE_TYPES = {"address", "varchar", "text", "varchar_auto", "double", "monetary", "phone"}
"""Custom field types that search looks into."""

KEPT = 86_400.0
"""Seconds that a replaced value is kept, more than any lag."""

_LINKS = {"deal_id": "deal", "person_id": "person", "org_id": "organization", "lead_id": "lead"}
_Entry = tuple[str, Any, str, str, str]
"""Entity, id, group of fields (what ``fields`` names), field code, value."""

PLAIN: dict[str, tuple[tuple[str, str], ...]] = {
    "persons": (("name", "name"),),
    "organizations": (("name", "name"), ("address", "address")),
    "deals": (("title", "title"),),
    "products": (("name", "name"), ("code", "code")),
    "leads": (("title", "title"),),
    "files": (("name", "name"),),
}
"""Group and key of the plain searchable values of each collection."""


class SearchIndex:
    """The index. Replaced values stay for a while, so that a lagging search can see them."""

    def __init__(self, database: Database, fields: Fields) -> None:
        self._database, self._fields = database, fields
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_search (entity, id, part, code, value,"
                " folded, source, seen_from REAL, seen_until REAL)"
            )
            connection.execute(
                "CREATE INDEX IF NOT EXISTS pipedrive_search_folded"
                " ON pipedrive_search (folded, entity, part)"
            )
            connection.execute(
                "CREATE INDEX IF NOT EXISTS pipedrive_search_source ON pipedrive_search (source)"
            )
            connection.execute(
                "CREATE INDEX IF NOT EXISTS pipedrive_search_item ON pipedrive_search (entity, id)"
            )
            connection.execute(
                "CREATE INDEX IF NOT EXISTS pipedrive_search_gone ON pipedrive_search (seen_until)"
                " WHERE seen_until IS NOT NULL"
            )

    def add_all(self, name: str, records: Iterable[Record]) -> None:
        """Index records that have always been there."""
        codes = self._codes(name)
        self._add(
            (f"{name}/{record['id']}", entry, 0.0)
            for record in records
            for entry in _entries(name, record, codes)
        )

    def hear(self, change: Change) -> None:
        """Follow a change."""
        name, at = change.collection, change.at.timestamp()
        if name not in PLAIN and name != "notes":
            return
        source, entity = f"{name}/{change.identity}", COLLECTIONS[name].entity
        gone = change.action == "delete" and name != "notes"
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pipedrive_search WHERE seen_until < ?", (at - KEPT,))
            unseen = "UPDATE pipedrive_search SET seen_until = ? WHERE seen_until IS NULL"
            if gone:
                connection.execute(
                    f"{unseen} AND entity = ? AND id = ?", (at, entity, change.identity)
                )
            else:
                connection.execute(f"{unseen} AND source = ?", (at, source))
            if change.after is not None:
                entries = _entries(name, change.after, self._codes(name))
                self._add((source, entry, at) for entry in entries)

    def _codes(self, name: str) -> Mapping[str, str]:
        return {
            field["field_code"]: field["field_type"]
            for field in self._fields.custom(name)
            if field["field_type"] in SEARCHABLE_TYPES
        }

    def _add(self, rows: Iterable[tuple[str, _Entry, float]]) -> None:
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO pipedrive_search VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    (*entry, entry[4].casefold(), source, seen_from)
                    for source, entry, seen_from in rows
                ),
            )


def _entries(name: str, record: Record, codes: Mapping[str, str]) -> Iterator[_Entry]:
    if name == "notes":
        for key, entity in _LINKS.items():
            if record.get(key) is not None:
                yield (entity, record[key], "notes", "notes", str(record["content"]))
        return
    entity, identity = COLLECTIONS[name].entity, record["id"]
    for part, key in PLAIN[name]:
        value = record.get(key)
        value = value.get("value") if isinstance(value, dict) else value
        if value:
            yield (entity, identity, part, key, str(value))
    for part, key in (("email", "emails"), ("phone", "phones")):
        for contact in record.get(key) or ():
            if contact.get("value"):
                yield (entity, identity, part, key, str(contact["value"]))
    for code, value in (record.get("custom_fields") or {}).items():
        value = value.get("value") if isinstance(value, dict) else value
        if code in codes and value not in (None, ""):
            yield (entity, identity, "custom_fields", code, str(value))
