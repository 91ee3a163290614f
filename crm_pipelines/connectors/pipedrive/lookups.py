"""Finding records: by search, which may be behind, and in lists, which are not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines.connectors.pipedrive.api import V2, Api, Record
from crm_pipelines.connectors.pipedrive.bodies import PATHS
from crm_pipelines.connectors.pipedrive.directory import Directory
from crm_pipelines.connectors.pipedrive.sighted import moment, to_found
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import GoneError, InvalidData
from crm_pipelines.model.sink import Found

SKEW = timedelta(minutes=1)
"""By how much the CRM's clock may be behind ours."""

FEW = 10
"""From so many on, a list of records costs less than one after the other."""

MOST_IDS = 100
"""That a list can be asked for at once (API reference, ``ids``)."""

TELLING: Mapping[Entity, tuple[str, ...]] = {
    Entity.ACTIVITY: ("subject", "type", "due_date", "due_time", "person_id", "deal_id", "org_id"),
    Entity.PERSON: ("name", "email", "phone", "org_id"),
    Entity.ORGANIZATION: ("name",),
    Entity.DEAL: ("title", "person_id", "org_id"),
}
"""What a record without our id is told by: an activity, or one whose field somebody deleted."""

_PLAIN = re.compile(r"[!-~]{1,200}")


def stamp(our_id: str) -> str:
    """What is written into the field: our id, or its digest if a search might stumble over it."""
    if _PLAIN.fullmatch(our_id):
        return our_id
    return "sha256:" + hashlib.sha256(our_id.encode("utf-8", "surrogatepass")).hexdigest()


class Lookups:
    """The records of one account."""

    def __init__(self, api: Api, directory: Directory) -> None:
        self._api, self._directory = api, directory

    def get(self, entity: Entity, remote_id: int) -> Record | None:
        """A record as Pipedrive shows it; deleted ones do not count."""
        try:
            record: Record = self._api.get(path(entity, remote_id))
        except GoneError:
            return None
        return None if record.get("is_deleted") else record

    def read(self, entity: Entity, remote_id: int) -> Found | None:
        """A record in our words."""
        record = self.get(entity, remote_id)
        return None if record is None else self.found(entity, record)

    def read_many(self, entity: Entity, remote_ids: Collection[int]) -> dict[int, Found]:
        """Those of some records that are listed."""
        ids, found = sorted(remote_ids), dict[int, Found]()
        for first in range(0, len(ids), MOST_IDS):
            wish = {"ids": ",".join(map(str, ids[first : first + MOST_IDS]))}
            for page in self._api.pages(path(entity), wish):
                found |= {one["id"]: self.found(entity, one) for one in page}
        return found

    def found(self, entity: Entity, record: Record, remarks: Collection[str] = ()) -> Found:
        """The same for one that is at hand."""
        return self._sighted(entity, record, self._code(entity), remarks)

    def changed_since(
        self, entity: Entity, since: datetime, **filters: Any
    ) -> Iterator[tuple[Found, Record]]:
        """The newest ids first: their order does not change while we read."""
        begin = (since - SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        order = {"updated_since": begin, "sort_by": "id", "sort_direction": "desc"}
        narrow = {name: str(value) for name, value in filters.items() if value is not None}
        for page in self._api.pages(path(entity), {**order, **narrow}):
            code = self._code(entity)
            for record in page:
                yield self._sighted(entity, record, code), record

    def by_stamp(self, entity: Entity, our_id: str, since: datetime) -> Found | None:
        """The record that carries our id."""
        code, wanted = self._code(entity), stamp(our_id)
        if code is None:
            return None
        for identity in self._search_field(entity, code, wanted):
            found = self.read(entity, identity)
            if found is not None and found.our_id == wanted:
                return found
        changed = self.changed_since(entity, since)
        return next((found for found, _ in changed if found.our_id == wanted), None)

    def has_lost_stamps(self, entity: Entity) -> bool:
        """Whether our field is not the one we knew: with a field, its values are deleted."""
        before = self._code(entity)
        self._directory.read_fields(entity)
        return before is None or self._code(entity) != before

    def by_contents(
        self, entity: Entity, values: Mapping[str, Any], since: datetime, known: Collection[int]
    ) -> Found | None:
        """A record made since then that says what these values say."""
        telling = {name: values[name] for name in TELLING[entity] if values.get(name)}
        person = values.get("person_id")
        for found, record in self.changed_since(entity, since, person_id=person):
            added_at = moment(record.get("add_time"))
            young = added_at is None or added_at >= since - SKEW
            free = found.our_id is None and found.remote_id not in known
            if young and free and _says(found, telling):
                return found
        return None

    def search(self, entity: Entity, field: str, term: str) -> list[Found]:
        """Exact matches in a field, whatever their case, as they are now."""
        if not term.strip():
            return []
        params = {"term": term.strip(), "fields": field, "exact_match": "true"}
        ids = self._api.search(f"{path(entity)}/search", params)
        if len(ids) > FEW:
            wish = {"ids": ",".join(map(str, ids))}
            pages = self._api.pages(path(entity), wish)
            return [self.found(entity, record) for page in pages for record in page]
        found = (self.read(entity, identity) for identity in ids)
        return [one for one in found if one is not None]

    def _search_field(self, entity: Entity, code: str, term: str) -> list[int]:
        params = {"term": term, "entity_type": str(entity), "field": code, "match": "exact"}
        try:
            return self._api.search(f"{V2}/itemSearch/field", params)
        except (InvalidData, GoneError):  # somebody deleted the field: nothing carries our id
            self._directory.read_fields(entity)
            return []

    def _code(self, entity: Entity) -> str | None:
        return self._directory.our_code(entity, make=False)

    def _sighted(
        self, entity: Entity, record: Record, code: str | None, remarks: Collection[str] = ()
    ) -> Found:
        named = {}
        if entity is Entity.ORGANIZATION:
            option = record.get("industry")
            named["industry"] = self._directory.label(entity, "industry", option)
        return to_found(entity, record, code, remarks=tuple(remarks), **named)


def path(entity: Entity, remote_id: int | None = None) -> str:
    """Of a collection, or of a record in it."""
    collection = f"{V2}/{PATHS[entity]}"
    return collection if remote_id is None else f"{collection}/{remote_id}"


def _says(found: Found, telling: Mapping[str, Any]) -> bool:
    return all(_plain(found.values[name]) == _plain(value) for name, value in telling.items())


def _plain(value: Any) -> Any:
    """Pipedrive may trim what it is given, and add seconds to a time."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    return f"{text}:00" if re.fullmatch(r"\d\d:\d\d", text) else text
