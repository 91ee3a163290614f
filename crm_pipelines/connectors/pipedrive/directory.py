"""What an account calls things: codes of custom fields, options of fields, users.

All of it is read in lists, which cost tokens, and kept for a day for every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from crm_pipelines.connectors.pipedrive.api import V2, Api, Record
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import FatalError, OutcomeUnknown, RetriableError
from crm_pipelines.model.memory import Memory

DAY = timedelta(days=1)
AGAIN = timedelta(minutes=3)
"""How soon a list is read again for somebody who is not in it."""

OUR_FIELD = "crm-pipelines id"
"""Name of the custom field that marks what we created."""

FIELDS: Mapping[Entity, str] = {
    Entity.PERSON: "personFields",
    Entity.ORGANIZATION: "organizationFields",
    Entity.DEAL: "dealFields",
}
"""Where the fields are listed; those of activities can neither be added nor changed."""

Known = dict[str, Any]
"""``ours``: the code of our field, if it is there; ``options``: id and label, by field code."""


class Directory:
    """The names of one account."""

    def __init__(self, api: Api, memory: Memory, address: str) -> None:
        self._api, self._memory, self._address = api, memory, address

    def our_code(self, entity: Entity, *, make: bool = True) -> str | None:
        """The code of our field, made if it is missing; ``None`` where there can be none."""
        if entity not in FIELDS:
            return None
        code: str | None = self.fields(entity)["ours"]
        if code is None and make:
            with self._memory.alone(self._name(FIELDS[entity])):
                code = self.fields(entity)["ours"]  # somebody may have been faster
                code = code or self.read_fields(entity)["ours"] or self._make_field(entity)
        return code

    def fields(self, entity: Entity) -> Known:
        """What is known of the fields of an entity."""
        found: Known | None = self._memory.recall(self._name(FIELDS[entity]), DAY)
        return found if found is not None else self.read_fields(entity)

    def read_fields(self, entity: Entity) -> Known:
        """The same, freshly read."""
        every: list[Record] = []
        for page in self._api.pages(f"{V2}/{FIELDS[entity]}"):
            every.extend(page)
        found = {"ours": _ours(every), "options": {f["field_code"]: _options(f) for f in every}}
        self._memory.keep(self._name(FIELDS[entity]), found)
        return found

    def option(self, entity: Entity, field: str, label: str, *, make: bool) -> int | None:
        """The option with this label, whatever its case, of a field that has options.

        Raises ``FatalError`` and the like where the account does not let us add one.
        """
        found = _with_label(self.fields(entity), field, label)
        if found is not None or not make:
            return found
        with self._memory.alone(self._name(FIELDS[entity])):
            found = _with_label(self.read_fields(entity), field, label)
            if found is None:
                found = self._make_option(entity, field, label)
        return found

    def has_options(self, entity: Entity, field: str) -> bool:
        """Whether the account has such a field."""
        return self.fields(entity)["options"].get(field) is not None

    def option_ids(self, entity: Entity, field: str) -> set[int]:
        """Ids of every option."""
        return {identity for identity, _ in self.fields(entity)["options"].get(field) or ()}

    def label(self, entity: Entity, field: str, option_id: int | None) -> str | None:
        """The words of an option; one that is not known yet has just been added by somebody."""
        if option_id is None:
            return None
        words = dict(self.fields(entity)["options"].get(field) or ())
        if option_id not in words and not self._is_fresh(FIELDS[entity]):
            words = dict(self.read_fields(entity)["options"].get(field) or ())
        return words.get(option_id)

    def user(self, email: str) -> int | None:
        """The active user with this address, whatever its case."""
        name, wanted = self._name("users"), address_key(email)
        found: dict[str, int] | None = self._memory.recall(name, DAY)
        if found is None or (wanted not in found and not self._is_fresh("users")):
            found = self._read_users(name)
        return found.get(wanted)

    def _is_fresh(self, what: str) -> bool:
        return self._memory.recall(self._name(what), AGAIN) is not None

    def _read_users(self, name: str) -> dict[str, int]:
        users = self._api.get("/api/v1/users") or []
        found = {
            address_key(user["email"]): int(user["id"])
            for user in reversed(users)
            if user.get("email") and user.get("active_flag", True)
        }
        self._memory.keep(name, found)
        return found

    def _make_field(self, entity: Entity) -> str:
        body = {"field_name": OUR_FIELD, "field_type": "varchar"}
        path = f"{V2}/{FIELDS[entity]}"
        try:
            made = self._made(path, body, lambda: self.read_fields(entity)["ours"])
        except FatalError as error:
            if type(error) is not FatalError:
                raise
            raise FatalError(
                f"without a field for our id nothing can be created exactly once ({error}): let an "
                f"admin of the Pipedrive account add a text field {OUR_FIELD!r} to {entity}s"
            ) from error
        code = made if isinstance(made, str) else str(made["field_code"])
        self._memory.keep(self._name(FIELDS[entity]), {**self.fields(entity), "ours": code})
        return code

    def _make_option(self, entity: Entity, field: str, label: str) -> int:
        path = f"{V2}/{FIELDS[entity]}/{field}/options"

        def look() -> int | None:
            return _with_label(self.read_fields(entity), field, label)

        self._made(path, [{"label": label}], look)
        found = look()
        if found is None:
            raise RetriableError(f"Pipedrive took the option {label!r} of {field}, but has none")
        return found

    def _made(self, path: str, body: Any, look: Callable[[], Any]) -> Any:
        """What was made; or what is there, though the answer was lost."""
        try:
            return self._api.create(path, body)
        except OutcomeUnknown as error:
            found = look()
            if found is None:
                raise RetriableError(str(error)) from error
            return found

    def _name(self, what: str) -> str:
        return f"{self._address} {what}"


def _ours(fields: list[Record]) -> str | None:
    """The oldest of our name: names are not unique."""
    for field in fields:
        mine = field.get("is_custom_field") and field.get("field_type") == "varchar"
        if mine and field.get("field_name") == OUR_FIELD:
            return str(field["field_code"])
    return None


def _options(field: Record) -> list[list[Any]] | None:
    options = field.get("options")
    return None if options is None else [[one["id"], one["label"]] for one in options]


def _with_label(known: Known, field: str, label: str) -> int | None:
    for identity, name in known["options"].get(field) or ():
        if label_key(name) == label_key(label):
            return int(identity)
    return None


def label_key(name: Any) -> str:
    """What names are compared by: people write them in any case."""
    return str(name).strip().casefold()


def address_key(email: Any) -> str:
    """What addresses are compared by: two spellings of a letter are two addresses."""
    return str(email).strip().lower()
