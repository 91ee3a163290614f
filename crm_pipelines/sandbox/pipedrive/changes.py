"""Every change to a company's records, whoever makes it: stamped, derived, announced."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive import merging
from crm_pipelines.sandbox.pipedrive.defaults import blank
from crm_pipelines.sandbox.pipedrive.derive import RULES
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record


@dataclass(frozen=True)
class Author:
    """Who changes: a user, through the API or in the pages of the CRM."""

    user_id: int = 1
    source: Literal["app", "api"] = "app"


@dataclass(frozen=True)
class Change:
    """One change that happened. ``merged`` is the other record's id where two became one."""

    action: Literal["create", "change", "delete"]
    collection: str
    identity: Any
    before: Record | None
    after: Record | None
    at: datetime
    author: Author
    merged: Any = None


Listener = Callable[[Change], None]


class Changes:
    """The one way to write. Listeners hear of a change after it is stored."""

    def __init__(self, database: Database, clock: Clock, records: Records, fields: Fields) -> None:
        self._database, self._clock = database, clock
        self._records, self._fields = records, fields
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Be told of every change."""
        self._listeners.append(listener)

    def create(self, name: str, given: Record, author: Author) -> Record:
        """A new record; its times are now unless given."""
        collection, at = COLLECTIONS[name], self._clock.now()
        now = collection.write_time(at)
        with self._database.transaction():
            record = {**blank(name), **self._known(name, given)}
            self._complete_custom_fields(name, record, given)
            if record["id"] is None:
                record["id"] = (
                    self._records.next_id(name)
                    if collection.identity == "number"
                    else str(uuid.uuid4())
                )
            elif self._records.get(name, record["id"]) is not None:
                raise ValueError(f"{collection.entity} {record['id']} exists already")
            for key in collection.stamps:
                if key not in given:
                    record[key] = now
            if name in RULES:
                RULES[name](None, record, given, now, self._records)
            self._records.put(name, [record])
        self._announce(Change("create", name, record["id"], None, record, at, author))
        return record

    def edit(self, name: str, identity: Any, given: Record, author: Author) -> Record:
        """Change the given keys. Raises ``KeyError`` for an unknown record."""
        collection, at = COLLECTIONS[name], self._clock.now()
        now = collection.write_time(at)
        with self._database.transaction():
            before = self._existing(name, identity)
            after = copy.deepcopy(before)
            after.update(self._known(name, given))
            if "custom_fields" in before:
                after["custom_fields"] = {
                    **before["custom_fields"],
                    **given.get("custom_fields", {}),
                }
            if name in RULES:
                RULES[name](before, after, given, now, self._records)
            if collection.stamps[1:] and collection.stamps[1] not in given:
                after[collection.stamps[1]] = now
            self._records.put(name, [after])
        self._announce(Change("change", name, identity, before, after, at, author))
        return after

    def delete(self, name: str, identity: Any, author: Author, merged: Any = None) -> None:
        """Mark as deleted where the collection does so, otherwise forget."""
        collection, at = COLLECTIONS[name], self._clock.now()
        with self._database.transaction():
            before = self._existing(name, identity)
            if not collection.soft:
                self._records.remove(name, identity)
            else:
                after = copy.deepcopy(before)
                collection.mark_gone(after)
                if name == "deals":
                    after["status"] = "deleted"
                after[collection.stamps[1]] = collection.write_time(at)
                self._records.put(name, [after])
        self._announce(Change("delete", name, identity, before, None, at, author, merged))

    def merge(self, name: str, identity: Any, into: Any, author: Author) -> Record:
        """``identity`` disappears into ``into``, which keeps its own values and gets the rest."""
        if identity == into:
            raise ValueError("a record cannot be merged with itself")
        at = self._clock.now()
        with self._database.transaction():
            leaving, before = self._existing(name, identity), self._existing(name, into)
            after = merging.combine(name, leaving, before)
            after["update_time"] = COLLECTIONS[name].write_time(at)
            self._records.put(name, [after])
            for other, record in merging.repointed(self._records, name, identity, into):
                record["update_time"] = COLLECTIONS[other].write_time(at)
                self._records.put(other, [record])
        self.delete(name, identity, author, merged=into)
        self._announce(Change("change", name, into, before, after, at, author, identity))
        return after

    def _existing(self, name: str, identity: Any) -> Record:
        record = self._records.get(name, identity)
        if record is None or COLLECTIONS[name].is_gone(record):
            raise KeyError(f"{COLLECTIONS[name].entity} {identity}")
        return record

    def _known(self, name: str, given: Mapping[str, Any]) -> Record:
        unknown = set(given) - set(blank(name))
        if name == "leads":  # their custom fields are those of deals, beside the other keys
            codes = {field["field_code"] for field in self._fields.custom("deals")}
            unknown = {key for key in unknown if key.partition("_")[0] not in codes}
        if unknown:
            raise ValueError(f"{name} have no {', '.join(sorted(unknown))}")
        return dict(given)

    def _complete_custom_fields(self, name: str, record: Record, given: Record) -> None:
        """A record shows every custom field of its kind, set or not."""
        if "custom_fields" not in record:
            return
        codes = [field["field_code"] for field in self._fields.custom(name)]
        chosen = given.get("custom_fields") or {}
        unknown = set(chosen) - set(codes)
        if unknown:
            raise ValueError(f"{name} have no custom field {', '.join(sorted(unknown))}")
        record["custom_fields"] = {code: chosen.get(code) for code in codes}

    def _announce(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)
