"""Writing to a Pipedrive account, and looking up what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_pipelines.connectors.pipedrive.answers import classify, observe
from crm_pipelines.connectors.pipedrive.api import V2, Api, Record
from crm_pipelines.connectors.pipedrive.bodies import PATHS, SEEN_FIRST, to_body
from crm_pipelines.connectors.pipedrive.directory import Directory
from crm_pipelines.connectors.pipedrive.login import log_in
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.connectors.pipedrive.sighted import to_found
from crm_pipelines.model.call import Budget
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import GoneError, OutcomeUnknown
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.sink import Found
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.door import Door

SKEW = timedelta(minutes=5)
"""By how much the CRM's clock may be behind ours."""


class PipedriveSink:
    """An opened Pipedrive account that is written to."""

    def __init__(self, api: Api, directory: Directory) -> None:
        self._api, self._directory = api, directory

    def create(self, entity: Entity, values: Mapping[str, Any], our_id: str) -> Found:
        """Make a record; it carries our id in a custom field, but activities cannot."""
        body = to_body(entity, values)
        code = self._directory.our_code(entity)
        if code:
            body["custom_fields"] = {code: our_id}
        return self._found(entity, _record(self._api.create(_path(entity), body)))

    def update(self, entity: Entity, remote_id: int, values: Mapping[str, Any]) -> Found:
        """Change these fields; what they are a part of is read first."""
        before = None
        if SEEN_FIRST[entity] & set(values):
            before = self._get(entity, remote_id)
            if before is None:
                raise GoneError(f"Pipedrive has no {entity} {remote_id} any more")
        body = to_body(entity, values, before)
        return self._found(entity, _record(self._api.change(_path(entity, remote_id), body)))

    def read(self, entity: Entity, remote_id: int) -> Found | None:
        """A record as it is now."""
        record = self._get(entity, remote_id)
        return None if record is None else self._found(entity, record)

    def find_ours(
        self,
        entity: Entity,
        our_id: str,
        values: Mapping[str, Any],
        since: datetime,
        known: Sequence[int] = (),
    ) -> Found | None:
        """By field search, then in the list of what changed since then."""
        code = self._directory.our_code(entity, make=False)
        if code is None:
            return None
        params = {"term": our_id, "entity_type": str(entity), "field": code, "match": "exact"}
        for identity in self._api.search(f"{V2}/itemSearch/field", params):
            found = self.read(entity, identity)
            if found is not None and found.our_id == our_id:
                return found
        changed = self.changed_since(entity, since)
        return next((found for found in changed if found.our_id == our_id), None)

    def find_persons(self, email: str) -> Sequence[Found]:
        """By exact search, then looked at: the index may be behind."""
        wanted = _folded(email)
        found = self._search(Entity.PERSON, "email", email)
        return [
            one for one in found if wanted in (e.strip().casefold() for e in one.values["email"])
        ]

    def find_organizations(self, name: str) -> Sequence[Found]:
        """By exact search, then looked at."""
        wanted = _folded(name)
        found = self._search(Entity.ORGANIZATION, "name", name)
        return [one for one in found if _folded(one.values["name"]) == wanted]

    def changed_since(self, entity: Entity, since: datetime) -> Iterator[Found]:
        """The newest ids first: their order does not change while we read."""
        begin = (since - SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        params = {"updated_since": begin, "sort_by": "id", "sort_direction": "desc"}
        for page in self._api.pages(_path(entity), params):
            for record in page:
                yield self._found(entity, record)

    def user_id(self, email: str) -> int | None:
        """The user with this address."""
        return self._directory.user(email)

    def label_id(self, entity: Entity, name: str, *, make: bool = True) -> int | None:
        """The label of this name; activities have none."""
        if entity is Entity.ACTIVITY:
            return None
        return self._directory.option(entity, "label_ids", name, make=make)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _search(self, entity: Entity, field: str, term: str) -> list[Found]:
        params = {"term": term.strip(), "fields": field, "exact_match": "true"}
        ids = self._api.search(f"{_path(entity)}/search", params)
        found = (self.read(entity, identity) for identity in ids)
        return [one for one in found if one is not None]

    def _get(self, entity: Entity, remote_id: int) -> Record | None:
        try:
            record: Record = self._api.get(_path(entity, remote_id))
        except GoneError:
            return None
        return None if record.get("is_deleted") else record

    def _found(self, entity: Entity, record: Record) -> Found:
        return to_found(entity, record, self._directory.our_code(entity, make=False))


def open_sink(
    settings: PipedriveSettings, budget: Budget, tokens: TokenStore, memory: Memory
) -> PipedriveSink:
    """Open the account that the settings name, for writing."""
    login, address = log_in(settings, tokens)
    door = Door(
        "Pipedrive",
        address,
        budget=budget,
        login=login,
        classify=classify,
        observe=observe,
        timeouts=settings,
    )
    api = Api(door)
    return PipedriveSink(api, Directory(api, memory, address))


def _path(entity: Entity, remote_id: int | None = None) -> str:
    path = f"{V2}/{PATHS[entity]}"
    return path if remote_id is None else f"{path}/{remote_id}"


def _record(data: Any) -> Record:
    if not isinstance(data, dict) or not isinstance(data.get("id"), int):
        raise OutcomeUnknown("Pipedrive's answer to a write does not say which record it is about")
    return data


def _folded(text: Any) -> str:
    return str(text).strip().casefold()
