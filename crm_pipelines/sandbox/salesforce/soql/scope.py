"""What the names in a query refer to: fields of the queried object and of its parents."""

from __future__ import annotations

from dataclasses import dataclass

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.schema.fields import NUMBERS, Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

_ADVICE = "Please reference your WSDL or the describe call for the appropriate names."


@dataclass(frozen=True)
class Row:
    """A joined row: its SQL alias, and the objects it may be of (several when polymorphic)."""

    alias: str
    sobject: SObject


@dataclass(frozen=True)
class Found:
    """A resolved column: canonical names, the field, and the SQL that reads it."""

    path: tuple[str, ...]
    field: Field
    sql: str
    rows: tuple[Row, ...]

    @property
    def comparable(self) -> str:
        """SQL whose order and equality are those of the values, not of their spelling."""
        if self.field.type in NUMBERS:
            return f"CAST({self.sql} AS REAL)"
        if self.field.type in {"id", "reference", "date", "datetime", "time", "boolean"}:
            return self.sql
        return f"{self.sql} COLLATE NOCASE"


class Scope:
    """The queried object's row and the parents' rows joined to it so far."""

    def __init__(self, catalog: Catalog, source: SObject, alias: str = "t") -> None:
        self.root = Row(alias, source)
        self._catalog = catalog
        self._parents: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[Row, ...]]] = {}
        self.joins: list[str] = []

    def find(self, path: tuple[str, ...]) -> Found:
        """The column behind a dotted name; raises ``INVALID_FIELD`` as a ``Problem``."""
        if len(path) > 1 and path[0].lower() == self.root.sobject.name.lower():
            path = path[1:]
        canonical: tuple[str, ...] = ()
        rows: tuple[Row, ...] = (self.root,)
        for name in path[:-1]:
            canonical, rows = self._parent(canonical, rows, name)
        holders = [r for r in rows if path[-1].lower() in r.sobject.by_name]
        if not holders:
            raise no_column(path[-1], rows[0].sobject.name)
        field = holders[0].sobject.by_name[path[-1].lower()]
        spelled = [read(row.alias, row.sobject.by_name[path[-1].lower()]) for row in holders]
        sql = spelled[0] if len(spelled) == 1 else f"COALESCE({', '.join(spelled)})"
        return Found((*canonical, field.name), field, sql, rows)

    def parents(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Every joined parent's place, outermost first, with the SQL of its Id."""
        found = []
        for shown, rows in self._parents.values():
            ids = [f'{row.alias}."Id"' for row in rows]
            found.append((shown, ids[0] if len(ids) == 1 else f"COALESCE({', '.join(ids)})"))
        return tuple(found)

    def _parent(
        self, canonical: tuple[str, ...], rows: tuple[Row, ...], name: str
    ) -> tuple[tuple[str, ...], tuple[Row, ...]]:
        key = (*(part.lower() for part in canonical), name.lower())
        if key not in self._parents:
            holder = next((r for r in rows if name.lower() in r.sobject.parents), None)
            if holder is None:
                raise Problem(
                    400,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{name}' in field path. If you are "
                    "attempting to use a custom relationship, be sure to append the '__r' after "
                    f"the custom relationship name. {_ADVICE}",
                )
            by = holder.sobject.parents[name.lower()]
            self._parents[key] = (*canonical, str(by.relationship)), self._join(holder, by)
        return self._parents[key]

    def _join(self, holder: Row, by: Field) -> tuple[Row, ...]:
        joined = []
        for target in by.refers_to:
            row = Row(f"{self.root.alias}{len(self.joins) + 1}", self._catalog.get(target))
            self.joins.append(
                f'LEFT JOIN "{row.sobject.table}" {row.alias} '
                f'ON {row.alias}."Id" = {holder.alias}."{by.name}"'
            )
            joined.append(row)
        return tuple(joined)


def read(alias: str, field: Field) -> str:
    """SQL that reads a field of a row."""
    if field.formula is not None:
        return "(" + field.formula.replace("{row}", alias) + ")"
    return f'{alias}."{field.name}"'


def no_column(name: str, sobject: str) -> Problem:
    """A name that the object does not have."""
    return Problem(
        400,
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom "
        f"field, be sure to append the '__c' after the custom field name. {_ADVICE}",
    )
