"""What the API lets callers write, and the errors it answers otherwise, one record at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.conversion import to_text
from crm_pipelines.sandbox.salesforce.records import Records, Row
from crm_pipelines.sandbox.salesforce.schema.fields import Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

P = ParamSpec("P")
R = TypeVar("R")
Wish = Mapping[str, Any]
"""Fields as the caller wrote them; a parent may be given as ``{"Account": {"Ext__c": "x"}}``."""


def atomic(method: Callable[Concatenate[Writes, P], R]) -> Callable[Concatenate[Writes, P], R]:
    """Nobody else changes anything between the checks and the write."""

    @wraps(method)
    def inside(self: Writes, /, *args: P.args, **named: P.kwargs) -> R:
        with self.company.database.transaction():
            return method(self, *args, **named)

    return inside


class Writes:
    """Checked creates, updates, upserts and deletes. Every method raises ``Problem``."""

    def __init__(self, company: Company, records: Records) -> None:
        self.company, self._records = company, records

    @atomic
    def create(self, sobject: SObject, wish: Wish, author: str) -> str:
        """A new record; returns its Id."""
        _writable(sobject)
        values = self._values(sobject, wish, creating=True)
        missing = [
            f.name
            for f in sobject.fields
            if f.createable
            and not f.nillable
            and values.get(f.name) is None
            and f.default is None
            and f.name not in {"Id", "OwnerId"}
        ]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Problem(400, "REQUIRED_FIELD_MISSING", message, missing)
        self._unique(sobject, values, None)
        return self._records.insert(sobject, values, author)

    @atomic
    def update(self, sobject: SObject, identity: str, wish: Wish, author: str) -> str:
        """Change a record; returns its Id."""
        _writable(sobject)
        row = self.living(sobject, identity)
        values = self._values(sobject, wish, creating=False)
        emptied = [n for n, v in values.items() if v is None and not _field(sobject, n).nillable]
        if emptied:
            message = f"Required fields are missing: [{', '.join(emptied)}]"
            raise Problem(400, "REQUIRED_FIELD_MISSING", message, emptied)
        self._unique(sobject, values, row["Id"])
        self._records.change(sobject, str(row["Id"]), values, author)
        return str(row["Id"])

    @atomic
    def upsert(
        self, sobject: SObject, key: str, value: Any, wish: Wish, author: str
    ) -> tuple[str, bool]:
        """Update the record with this external id, or create it; returns Id and created."""
        field = key_field(sobject, key)
        text = to_text(field, value)
        if text is None:
            message = f"{field.name} not specified"
            raise Problem(400, "MISSING_ARGUMENT", message, [field.name])
        others = {name: v for name, v in wish.items() if name.lower() != field.name.lower()}
        found = self._records.matching(sobject, field.name, text)
        if len(found) > 1:
            raise Ambiguous(field, found)
        if found:
            return self.update(sobject, found[0], others, author), False
        if field.type == "id":
            raise _missing()
        return self.create(sobject, {**others, field.name: text}, author), True

    @atomic
    def delete(self, sobject: SObject, identity: str) -> str:
        """To the recycle bin; returns the Id."""
        if not sobject.deletable:
            message = f"entity type {sobject.name} does not support delete"
            raise Problem(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])
        row = self.living(sobject, identity)
        self._records.delete(sobject, str(row["Id"]))
        return str(row["Id"])

    @atomic
    def destroy(self, sobject: SObject, identity: str) -> str:
        """Delete for good, also from the recycle bin; returns the Id."""
        row = self._records.read(sobject, identity)
        if row is None or not sobject.deletable:
            raise _missing()
        self._records.destroy(sobject, str(row["Id"]))
        return str(row["Id"])

    def living(self, sobject: SObject, identity: str) -> Row:
        """A record that is there."""
        row = self._records.read(sobject, identity)
        if row is None:
            raise _missing()
        if row["_deleted_at"]:
            raise Problem(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return row

    def _values(self, sobject: SObject, wish: Wish, *, creating: bool) -> Row:
        values: Row = {}
        closed = []
        for name, value in wish.items():
            if name.lower() == "attributes":
                continue
            if isinstance(value, Mapping):
                field, value = self._parent(sobject, name, value)
            else:
                field = _field(sobject, name)
            if not (field.createable if creating else field.updateable) or field.type == "id":
                closed.append(field.name)
                continue
            values[field.name] = self._checked(field, value)
        if closed:
            raise Problem(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(closed)}. Please check the security "
                "settings of this field and verify that it is read/write for your profile or "
                "permission set.",
                closed,
            )
        return values

    def _checked(self, field: Field, value: Any) -> str | None:
        if isinstance(value, str):
            value = value.strip()
        text = to_text(field, value)
        if text is None:
            return None
        if field.length and len(text) > field.length and field.type != "base64":
            message = f"{field.title}: data value too large: {text} (max length={field.length})"
            raise Problem(400, "STRING_TOO_LONG", message, [field.name])
        if field.restricted and text not in field.values:
            message = f"{field.title}: bad value for restricted picklist field: {text}"
            raise Problem(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
        if field.type == "reference":
            self._target(field, text)
        return text

    def _target(self, field: Field, identity: str) -> None:
        target = self.company.catalog.by_prefix(identity)
        if target is None or target.name not in field.refers_to:
            message = f"{field.title}: id value of incorrect type: {identity}"
            raise Problem(400, "MALFORMED_ID", message, [field.name])
        if self._records.alive(target, identity) is None:
            raise Problem(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])

    def _parent(self, sobject: SObject, name: str, keys: Mapping[str, Any]) -> tuple[Field, str]:
        """The reference field and Id meant by a parent named by its external id."""
        field = sobject.parents.get(name.lower())
        pairs = [(k, v) for k, v in keys.items() if k.lower() not in {"attributes", "type"}]
        if field is None or len(pairs) != 1:
            raise _no_column(name, sobject)
        for target in map(self.company.catalog.get, field.refers_to):
            key = target.by_name.get(pairs[0][0].lower())
            if key is None or not (key.external_id or key.unique or key.type == "id"):
                continue
            found = self._records.matching(target, key.name, to_text(key, pairs[0][1]))
            if len(found) == 1:
                return field, found[0]
            message = (
                f"Foreign key external ID: {pairs[0][1]} not found for field {key.name} in "
                f"entity {target.name}"
            )
            raise Problem(400, "INVALID_FIELD", message, [])
        raise _no_column(f"{name}.{pairs[0][0]}", sobject)

    def _unique(self, sobject: SObject, values: Row, own: str | None) -> None:
        for name, value in values.items():
            if value is None or not _field(sobject, name).unique:
                continue
            others = [i for i in self._records.matching(sobject, name, value) if i != own]
            if others:
                message = (
                    f"duplicate value found: {name} duplicates value on record with id: "
                    f"{others[0][:15]}"
                )
                raise Problem(400, "DUPLICATE_VALUE", message, [])


class Ambiguous(Exception):
    """An external id that several records have."""

    def __init__(self, field: Field, found: list[str]) -> None:
        super().__init__(field.name)
        self.field, self.found = field, found

    def problem(self) -> Problem:
        """As an error of one row."""
        message = f"{self.field.name}: more than one record found for external id field: "
        message += f"[{', '.join(self.found)}]"
        return Problem(300, "DUPLICATE_EXTERNAL_ID", message, [self.field.name])


def key_field(sobject: SObject, name: str) -> Field:
    """A field that upserts may match on; raises ``NOT_FOUND`` for others."""
    field = sobject.by_name.get(name.lower())
    if field is None or not (field.external_id or field.type == "id"):
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Problem(404, "NOT_FOUND", message)
    return field


def _field(sobject: SObject, name: str) -> Field:
    field = sobject.by_name.get(name.lower())
    if field is None:
        raise _no_column(name, sobject)
    return field


def _no_column(name: str, sobject: SObject) -> Problem:
    message = f"No such column '{name}' on sobject of type {sobject.name}"
    return Problem(400, "INVALID_FIELD", message)


def _writable(sobject: SObject) -> None:
    if not sobject.writable:
        message = f"entity type cannot be inserted or updated: {sobject.name}"
        raise Problem(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])


def _missing() -> Problem:
    return Problem(404, "NOT_FOUND", "The requested resource does not exist")
