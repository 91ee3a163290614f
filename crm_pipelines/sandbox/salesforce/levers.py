"""What the admin interface does behind the API's back: see and change any record."""

# ruff: noqa: S608  (identifiers come from declarations)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.conversion import to_text
from crm_pipelines.sandbox.salesforce.identity import make_id
from crm_pipelines.sandbox.salesforce.records import Records, Row
from crm_pipelines.sandbox.salesforce.schema.fields import COMPOUNDS, Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.soql.plan import visible
from crm_pipelines.sandbox.salesforce.soql.scope import Row as ScopeRow
from crm_pipelines.sandbox.salesforce.soql.scope import read
from crm_pipelines.sandbox.salesforce.tables import snapshot
from crm_pipelines.sandbox.salesforce.values import rest_value
from crm_pipelines.sandbox.system import Record

AUTHOR = make_id("005", 1)
"""The first user: whose doings these are."""


class Levers:
    """Raises ``KeyError`` for what is not there, ``ValueError`` for what makes no sense."""

    def __init__(self, company: Company, records: Records) -> None:
        self._company, self._records = company, records

    def truth(self, name: str, *, deleted: bool) -> Iterator[Record]:
        """Every record with every field but compounds (their parts are there)."""
        sobject = self._find(name)
        fields = [field for field in sobject.fields if field.type not in COMPOUNDS]
        columns = ", ".join(read("t", field) for field in fields)
        seen = visible(ScopeRow("t", sobject), self._company.now(), deleted=deleted)
        with snapshot(self._company.database) as connection:
            cursor = connection.execute(
                f'SELECT {columns} FROM "{sobject.table}" t WHERE {seen} ORDER BY t.Id'
            )
            while chunk := cursor.fetchmany(500):
                for row in chunk:
                    yield shown(fields, row)

    def create(self, name: str, wish: Record) -> Record:
        """A new record; any stored field may be given, ``SystemModstamp`` and ``Id`` too."""
        sobject = self._find(name)
        values = self._values(sobject, wish)
        if "Id" in values and self._records.read(sobject, str(values["Id"])):
            raise ValueError(f"{name} {values['Id']} exists already")
        return self._one(sobject, self._records.insert(sobject, values, AUTHOR))

    def edit(self, name: str, identity: str, wish: Record) -> Record:
        """Change any stored field; stamps move unless given."""
        sobject = self._find(name)
        found = self._living(sobject, identity)
        self._records.change(sobject, found, self._values(sobject, wish), AUTHOR)
        return self._one(sobject, found)

    def delete(self, name: str, identity: str) -> None:
        """To the recycle bin."""
        sobject = self._find(name)
        if not sobject.deletable:
            raise ValueError(f"{name} records cannot be deleted")
        self._records.delete(sobject, self._living(sobject, identity))

    def merge(self, name: str, identity: str, into: str) -> Record:
        """Merge the first into the second, which is returned."""
        sobject = self._find(name)
        if not sobject.mergeable:
            raise ValueError(f"{name} records cannot be merged")
        loser, winner = self._living(sobject, identity), self._living(sobject, into)
        if loser == winner:
            raise ValueError("a record cannot be merged into itself")
        self._records.merge(sobject, loser, winner, AUTHOR)
        return self._one(sobject, winner)

    def undelete(self, name: str, identity: str) -> Record:
        """Out of the recycle bin."""
        sobject = self._find(name)
        self._records.undelete(sobject, identity)
        return self._one(sobject, identity)

    def destroy(self, name: str, identity: str) -> None:
        """Past the recycle bin, for good."""
        self._records.destroy(self._find(name), identity)

    def hide(self, name: str, *, hidden: bool) -> None:
        """Take an object out of the API (and of these levers), or bring it back."""
        self._company.catalog.hide(name, hidden=hidden)

    def _find(self, name: str) -> SObject:
        found = self._company.catalog.look_up(name)
        if found is None:
            raise KeyError(name)
        return found

    def _living(self, sobject: SObject, identity: str) -> str:
        row = self._records.alive(sobject, identity)
        if row is None:
            raise KeyError(f"{sobject.name} {identity}")
        return str(row["Id"])

    def _values(self, sobject: SObject, wish: Record) -> Row:
        values: Row = {}
        for name, value in wish.items():
            field = sobject.by_name.get(name.lower())
            if field is None or not field.stored:
                raise ValueError(f"{sobject.name}.{name} is no field that can be set")
            try:
                values[field.name] = to_text(field, value)
            except Problem as problem:
                raise ValueError(problem.message) from problem
        return values

    def _one(self, sobject: SObject, identity: str) -> Record:
        fields = [field for field in sobject.fields if field.type not in COMPOUNDS]
        columns = ", ".join(read("t", field) for field in fields)
        rows = self._company.database.rows(
            f'SELECT {columns} FROM "{sobject.table}" t WHERE t.Id = ?', (identity,)
        )
        return shown(fields, rows[0])


def shown(fields: Sequence[Field], row: Sequence[Any]) -> Record:
    """A record as JSON can say it; a number that a float cannot hold exactly stays text."""
    return {
        field.name: _plain(rest_value(field.type, value))
        for field, value in zip(fields, row, strict=True)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    return value
