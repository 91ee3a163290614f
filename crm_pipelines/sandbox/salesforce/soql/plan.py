"""A query tree compiled to SQL over the simulated company's tables.

Identifiers in the SQL come from declarations, values are bound: nothing a caller wrote is in it.
"""

# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.schema.fields import COMPOUNDS, NUMBERS, Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.soql.filters import Filters, filterable
from crm_pipelines.sandbox.salesforce.soql.scope import Found, Row, Scope, read
from crm_pipelines.sandbox.salesforce.soql.spans import stamp
from crm_pipelines.sandbox.salesforce.soql.tokens import malformed
from crm_pipelines.sandbox.salesforce.soql.tree import (
    Call,
    Children,
    Column,
    Comparison,
    Everything,
    Joined,
    Literal,
    Order,
    Query,
)

_DATE_SQL = {
    "DAY_ONLY": "substr({0}, 1, 10)",
    "CALENDAR_YEAR": "CAST(substr({0}, 1, 4) AS INTEGER)",
    "CALENDAR_MONTH": "CAST(substr({0}, 6, 2) AS INTEGER)",
    "CALENDAR_QUARTER": "(CAST(substr({0}, 6, 2) AS INTEGER) + 2) / 3",
    "DAY_IN_MONTH": "CAST(substr({0}, 9, 2) AS INTEGER)",
    "DAY_IN_WEEK": "CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER) + 1",
    "DAY_IN_YEAR": "CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER)",
    "HOUR_IN_DAY": "CAST(substr({0}, 12, 2) AS INTEGER)",
}
RECYCLE_DAYS = 15
"""How long deleted records can still be read with queryAll."""


@dataclass(frozen=True)
class Output:
    """One selected value: where it goes, and which SQL columns make it (compounds need some)."""

    path: tuple[str, ...]
    field: Field
    columns: tuple[str, ...]
    types: tuple[str, ...]
    parts: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Child:
    """A parent-to-child subquery: the relationship, the child's field, the query on the child."""

    name: str
    field: str
    query: Query

    def of(self, parent_id: str) -> Query:
        """The query for the children of one record."""
        mine = Comparison(Column((self.field,)), "=", Literal("text", parent_id))
        where = Joined("AND", (mine, self.query.where)) if self.query.where else mine
        return replace(self.query, where=where)


@dataclass(frozen=True)
class Plan:
    """A query ready to run. ``parents`` are the joined rows' places with the SQL of their Ids."""

    query: Query
    sobject: SObject
    alias: str
    outputs: tuple[Output, ...]
    parents: tuple[tuple[tuple[str, ...], str], ...]
    children: tuple[Child, ...]
    joins: str
    where: str
    parameters: tuple[Any, ...]
    order: str
    group: str = ""

    @property
    def columns(self) -> str:
        """The select list."""
        return ", ".join(sql for output in self.outputs for sql in output.columns)

    @property
    def tail(self) -> str:
        """Ordering and paging."""
        limit = "" if self.query.limit is None else f" LIMIT {self.query.limit}"
        if self.query.offset:
            limit = (limit or " LIMIT -1") + f" OFFSET {self.query.offset}"
        return self.group + self.order + limit

    @property
    def table(self) -> str:
        """The queried object's table under its alias."""
        return f'"{self.sobject.table}" {self.alias}'

    def select(self, columns: str | None = None) -> str:
        """The whole statement, with other columns than the query's own on request."""
        tables = f"{self.table} {self.joins}".rstrip()
        return f"SELECT {columns or self.columns} FROM {tables} WHERE {self.where}{self.tail}"


def compile_query(
    query: Query, catalog: Catalog, now: datetime, *, deleted: bool = False, alias: str = "t"
) -> Plan:
    """The plan of a query; ``deleted`` lets records in the recycle bin through (queryAll)."""
    return Compiler(query, catalog, now, deleted or query.all_rows, alias).plan()


class Compiler:
    """The work of compiling one query."""

    def __init__(
        self, query: Query, catalog: Catalog, now: datetime, deleted: bool, alias: str
    ) -> None:
        self._query, self._catalog, self._now, self._deleted = query, catalog, now, deleted
        self._alias = alias
        self._scope = Scope(catalog, catalog.queried(query.source), alias)

    def plan(self) -> Plan:
        """Resolve every clause."""
        query, scope = self._query, self._scope
        outputs = self._outputs()
        filters = Filters(self._ungrouped, self._nested, self._now.date())
        having = Filters(self._operand, self._nested, self._now.date())
        where = [visible(scope.root, self._now, deleted=self._deleted)]
        if query.where is not None:
            where.append(filters.sql(query.where))
        group = ""
        if query.groups:
            group = " GROUP BY " + ", ".join(self._operand(g).sql for g in query.groups)
        if query.having is not None:
            group += " HAVING " + having.sql(query.having)
        orders = ", ".join(self._order(order) for order in query.orders)
        children = [self._child(each) for each in query.selected if isinstance(each, Children)]
        return Plan(
            query,
            scope.root.sobject,
            scope.root.alias,
            tuple(outputs),
            scope.parents(),
            tuple(children),
            " ".join(scope.joins),
            " AND ".join(where),
            (*filters.parameters, *having.parameters),
            f" ORDER BY {orders}" if orders else "",
            group,
        )

    def _grouped(self, each: Column | Call) -> bool:
        if isinstance(each, Call) and each.function not in _DATE_SQL:
            return True
        wanted = self._operand(each).sql
        return any(self._operand(group).sql == wanted for group in self._query.groups)

    def _outputs(self) -> list[Output]:
        outputs: list[Output] = []
        unnamed = 0
        for each in self._query.selected:
            if isinstance(each, Everything):
                outputs.extend(self._everything(each))
            elif isinstance(each, Column | Call):
                if self._query.aggregated and not self._grouped(each):
                    shown = each.dotted if isinstance(each, Column) else each.function
                    raise malformed(f"Field must be grouped or aggregated: {shown}")
                name = each.alias
                if name is None and isinstance(each, Call):
                    name, unnamed = f"expr{unnamed}", unnamed + 1
                outputs.append(self._output(each, name))
        seen = set()
        for output in outputs:
            if output.path in seen:
                raise malformed(f"duplicate field selected: {'.'.join(output.path)}")
            seen.add(output.path)
        return outputs

    def _child(self, children: Children) -> Child:
        parent, wanted = self._scope.root.sobject, children.query.source
        for child, field, name, _ in self._catalog.children(parent):
            if name.lower() == wanted.lower():
                return Child(name, field, replace(children.query, source=child.name))
        raise Problem(
            400,
            "INVALID_TYPE",
            f"Didn't understand relationship '{wanted}' in FROM part of query call. If you are "
            "attempting to use a custom relationship, be sure to append the '__r' after the "
            "custom relationship name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
        )

    def _everything(self, macro: Everything) -> list[Output]:
        if macro.which not in {"ALL", "STANDARD", "CUSTOM"}:
            raise malformed(f"unexpected token: '{macro.which}'")
        if macro.which != "STANDARD" and (self._query.limit is None or self._query.limit > 200):
            raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
        return [
            self._output(Column((field.name,)), None)
            for field in self._scope.root.sobject.fields
            if macro.which == "ALL" or field.custom == (macro.which == "CUSTOM")
        ]

    def _output(self, operand: Column | Call, name: str | None) -> Output:
        found = self._operand(operand)
        path = (name,) if name else found.path
        if isinstance(operand, Column) and found.field.type in COMPOUNDS:
            row = found.rows[0]
            parts = tuple(f for f in row.sobject.fields if f.compound == found.field.name)
            columns = tuple(read(row.alias, part) for part in parts)
            return Output(path, found.field, columns, tuple(p.type for p in parts), parts)
        return Output(path, found.field, (found.sql,), (found.field.type,))

    def _operand(self, operand: Column | Call) -> Found:
        if isinstance(operand, Column):
            return self._scope.find(self._unaliased(operand.path))
        if operand.column is None:
            return Found(("COUNT",), Field("COUNT", "int"), "COUNT(*)", (self._scope.root,))
        found = self._scope.find(operand.column.path)
        kind = found.field.type
        if operand.function in _DATE_SQL:
            if kind not in {"date", "datetime"}:
                raise malformed(f"{operand.function} is not valid on field {found.field.name}")
            kind = "date" if operand.function == "DAY_ONLY" else "int"
            sql = _DATE_SQL[operand.function].format(found.sql)
            return Found(found.path, Field(operand.function, kind), sql, found.rows)
        filterable(found.field)
        if operand.function in {"COUNT", "COUNT_DISTINCT"}:
            distinct = "DISTINCT " if operand.function == "COUNT_DISTINCT" else ""
            return Found(found.path, Field("n", "int"), f"COUNT({distinct}{found.sql})", found.rows)
        if operand.function in {"SUM", "AVG"} and kind not in NUMBERS:
            raise malformed(f"field {found.field.name} does not support aggregate operator"
                            f" {operand.function}")  # fmt: skip
        sql = f"{operand.function}({found.comparable})"
        return Found(found.path, Field("n", kind), sql, found.rows)

    def _ungrouped(self, operand: Column | Call) -> Found:
        if isinstance(operand, Call) and operand.function not in _DATE_SQL:
            raise malformed(f"Aggregate function {operand.function} is not allowed in WHERE")
        return self._operand(operand)

    def _unaliased(self, path: tuple[str, ...]) -> tuple[str, ...]:
        if len(path) == 1 and path[0].lower() not in self._scope.root.sobject.by_name:
            for each in self._query.selected:
                if isinstance(each, Column) and each.alias == path[0]:
                    return each.path
        return path

    def _order(self, order: Order) -> str:
        found = self._operand(order.by)
        if isinstance(order.by, Column):
            filterable(found.field)
        direction = "DESC" if order.descending else "ASC"
        return f"{found.comparable} {direction} NULLS {'LAST' if order.nulls_last else 'FIRST'}"

    def _nested(self, query: Query) -> tuple[str, list[Any]]:
        plan = compile_query(query, self._catalog, self._now, alias=self._alias + "s")
        if len(plan.outputs) != 1 or plan.outputs[0].field.type not in {"id", "reference"}:
            raise malformed("The inner select must select exactly one Id or reference field")
        inner = f"SELECT x FROM ({plan.select(plan.columns + ' AS x')}) WHERE x IS NOT NULL"
        return inner, list(plan.parameters)


def visible(row: Row, now: datetime, *, deleted: bool) -> str:
    """The condition that a record is there to be seen."""
    if "isdeleted" not in row.sobject.by_name:
        return "1"
    if not deleted:
        return f"{row.alias}.\"IsDeleted\" = 'false'"
    purged = stamp(now - timedelta(days=RECYCLE_DAYS))
    return f"({row.alias}.\"IsDeleted\" = 'false' OR {row.alias}._deleted_at > '{purged}')"
