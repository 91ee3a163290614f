"""Writing to a Pipedrive account, and looking up what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from crm_pipelines.connectors.pipedrive.api import Api, Record
from crm_pipelines.connectors.pipedrive.bodies import SEEN_FIRST
from crm_pipelines.connectors.pipedrive.directory import Directory, address_key, label_key
from crm_pipelines.connectors.pipedrive.drafts import Draft
from crm_pipelines.connectors.pipedrive.lookups import Lookups, path, stamp
from crm_pipelines.connectors.pipedrive.opening import open_door
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import CrmError, GoneError, OutcomeUnknown
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.sink import Found
from crm_pipelines.model.tokens import TokenStore


class PipedriveSink:
    """An opened Pipedrive account that is written to."""

    def __init__(self, api: Api, directory: Directory) -> None:
        self._api, self._directory = api, directory
        self._lookups = Lookups(api, directory)

    def prepare(self, entity: Entity) -> None:
        """The list of fields, and our own among them; both are kept for a day."""
        self._directory.our_code(entity)

    def create(self, entity: Entity, values: Mapping[str, Any], our_id: str) -> Found:
        """Make a record; it carries our id in a custom field, but activities cannot."""
        draft = Draft(self._directory, entity, values, our_id=stamp(our_id))
        made = _record(draft.send(lambda body: self._api.create(path(entity), body)))
        try:
            return self._lookups.found(entity, made, draft.remarks)
        except CrmError as error:  # it is there: no error may say that it is not
            raise OutcomeUnknown(f"{entity} {made['id']} was made, but {error}") from error

    def update(self, entity: Entity, remote_id: int, values: Mapping[str, Any]) -> Found:
        """Change these fields; what they are a part of is read first, and kept."""
        before = None
        if SEEN_FIRST[entity] & set(values):
            before = _present(self._lookups.get(entity, remote_id), entity, remote_id)
        draft = Draft(self._directory, entity, values, before)

        def send(body: Record) -> Any:
            if not body:  # everything was left out
                return self._lookups.get(entity, remote_id)
            return self._api.change(path(entity, remote_id), body)

        changed = _present(draft.send(send), entity, remote_id)
        return self._lookups.found(entity, _record(changed), draft.remarks)

    def read(self, entity: Entity, remote_id: int) -> Found | None:
        """A record as it is now."""
        return self._lookups.read(entity, remote_id)

    def read_many(self, entity: Entity, remote_ids: Collection[int]) -> Mapping[int, Found]:
        """By lists of a hundred; deleted ones and archived deals are not in them."""
        return self._lookups.read_many(entity, remote_ids)

    def find_ours(
        self,
        entity: Entity,
        our_id: str,
        values: Mapping[str, Any],
        since: datetime,
        known: Sequence[int] = (),
    ) -> Found | None:
        """By field search, then in the list of what changed since then; activities by the list."""
        if entity is not Entity.ACTIVITY:
            found = self._lookups.by_stamp(entity, our_id, since)
            if found is not None or not self._lookups.has_lost_stamps(entity):
                return found
        return self._lookups.by_contents(entity, values, since, frozenset(known))

    def find_persons(self, email: str) -> Sequence[Found]:
        """By exact search, then looked at: the index may be behind."""
        found = self._lookups.search(Entity.PERSON, "email", email)
        wanted = address_key(email)
        return [one for one in found if wanted in map(address_key, one.values["email"])]

    def find_organizations(self, name: str) -> Sequence[Found]:
        """By exact search, then looked at."""
        found = self._lookups.search(Entity.ORGANIZATION, "name", name)
        return [one for one in found if label_key(one.values["name"]) == label_key(name)]

    def changed_since(self, entity: Entity, since: datetime) -> Iterator[Found]:
        """What the list says has changed, the newest first."""
        return (found for found, _ in self._lookups.changed_since(entity, since))

    def user_id(self, email: str) -> int | None:
        """The active user with this address."""
        return self._directory.user(email)

    def label_id(self, entity: Entity, name: str, *, make: bool = True) -> int | None:
        """The label of this name; activities have none."""
        if entity is Entity.ACTIVITY:
            return None
        return self._directory.option(entity, "label_ids", name, make=make)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()


def open_sink(
    settings: PipedriveSettings, budget: Budget, tokens: TokenStore, memory: Memory
) -> PipedriveSink:
    """Open the account that the settings name, for writing."""
    door = open_door(settings, budget, tokens)
    api = Api(door)
    return PipedriveSink(api, Directory(api, memory, door.address))


def _present(record: Any, entity: Entity, remote_id: int) -> Any:
    if record is None:
        raise GoneError(f"Pipedrive has no {entity} {remote_id} any more")
    return record


def _record(data: Any) -> Record:
    if not isinstance(data, dict) or not isinstance(data.get("id"), int):
        raise OutcomeUnknown("Pipedrive's answer to a write does not say which record it is about")
    return data
