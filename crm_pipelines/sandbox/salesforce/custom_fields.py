"""Fields that people add to objects, and drop, while everything runs."""

# ruff: noqa: S608  (names are checked before they become identifiers)

from __future__ import annotations

import re
from typing import Any

import msgspec

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.conversion import to_text
from crm_pipelines.sandbox.salesforce.schema.fields import COMPOUNDS, Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.tables import column

_NAME = re.compile(r"[A-Za-z]\w{0,39}__c")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "string": {"length": 255},
    "textarea": {"length": 32768},
    "picklist": {"length": 255},
    "multipicklist": {"length": 4099},
    "email": {"length": 80},
    "phone": {"length": 40},
    "url": {"length": 255},
    "double": {"precision": 18, "scale": 2},
    "currency": {"precision": 18, "scale": 2},
    "percent": {"precision": 18, "scale": 2},
    "int": {"precision": 9},
    "boolean": {"nillable": False, "default": "false"},
    "date": {},
    "datetime": {},
    "time": {},
}


class CustomFields:
    """Changes to objects' shapes; they are stored, and survive a restart."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def restore(self) -> None:
        """Put stored changes in force."""
        rows = self._company.database.rows(
            "SELECT sobject, name, body, gone FROM salesforce_field ORDER BY rowid"
        )
        for sobject_name, name, body, gone in rows:
            sobject = self._company.catalog.get(sobject_name)
            if gone:
                self._company.catalog.replace(sobject.without_field(name))
            else:
                field = msgspec.json.decode(body, type=Field)
                sobject = sobject.without_field(field.name).with_field(field)
                self._company.catalog.replace(sobject)

    def add(self, sobject_name: str, wish: dict[str, Any]) -> None:
        """A new field; ``value`` fills it for all records, without moving any stamp."""
        sobject = self._find(sobject_name)
        field = self._wished(sobject, wish)
        try:
            filling = to_text(field, wish.get("value"))
        except Problem as problem:
            raise ValueError(problem.message) from problem
        with self._company.database.transaction() as connection:
            connection.execute(f'ALTER TABLE "{sobject.table}" ADD COLUMN {column(field)}')
            connection.execute(f'UPDATE "{sobject.table}" SET "{field.name}" = ?', (filling,))
            self._store(sobject, field.name, field, gone=False)
        self._company.catalog.replace(sobject.with_field(field))

    def drop(self, sobject_name: str, name: str) -> None:
        """A custom field less."""
        sobject = self._find(sobject_name)
        field = sobject.by_name.get(name.lower())
        if field is None or not field.name.endswith("__c") or field.type in COMPOUNDS:
            raise KeyError(f"custom field {sobject_name}.{name}")
        with self._company.database.transaction() as connection:
            if field.stored:
                # the column stays under another name: indexes and running readers may need it
                aside = f"gone {self._company.next_number('dropped fields')}"
                connection.execute(
                    f'ALTER TABLE "{sobject.table}" RENAME COLUMN "{field.name}" TO "{aside}"'
                )
            self._store(sobject, field.name, field, gone=True)
        self._company.catalog.replace(sobject.without_field(field.name))

    def _find(self, name: str) -> SObject:
        found = self._company.catalog.look_up(name)
        if found is None:
            raise KeyError(name)
        return found

    def _wished(self, sobject: SObject, wish: dict[str, Any]) -> Field:
        name, kind = wish.get("name"), wish.get("type", "string")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"name must look like Favourite_Colour__c, not {name!r}")
        if name.lower() in sobject.by_name:
            raise ValueError(f"{sobject.name} has a field {name} already")
        if kind not in _DEFAULTS:
            raise ValueError(f"type must be one of {', '.join(_DEFAULTS)}, not {kind!r}")
        unknown = set(wish) - {"name", "type", "value", "label", "values", "length"}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)}")
        traits = {**_DEFAULTS[kind]}
        if "values" in wish:
            traits["values"] = tuple(str(value) for value in wish["values"])
        if "length" in wish:
            traits["length"] = int(wish["length"])
        return Field(name, kind, label=str(wish.get("label", "")), **traits)

    def _store(self, sobject: SObject, name: str, field: Field, *, gone: bool) -> None:
        with self._company.database.transaction() as connection:
            connection.execute(
                "DELETE FROM salesforce_field WHERE sobject = ? AND name = ?", (sobject.name, name)
            )
            connection.execute(
                "INSERT INTO salesforce_field VALUES (?, ?, ?, ?)",
                (sobject.name, name, msgspec.json.encode(field), int(gone)),
            )
