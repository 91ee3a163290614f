"""Conditions of a query to SQL. Nulls compare as SOQL has it: ``!=`` and ``NOT IN`` keep them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.identity import whole_id
from crm_pipelines.sandbox.salesforce.schema.fields import NUMBERS, Field
from crm_pipelines.sandbox.salesforce.soql.scope import Found
from crm_pipelines.sandbox.salesforce.soql.spans import day_range, midnight, read_moment, stamp
from crm_pipelines.sandbox.salesforce.soql.tokens import malformed
from crm_pipelines.sandbox.salesforce.soql.tree import (
    Call,
    Choices,
    Column,
    Comparison,
    Condition,
    Joined,
    Literal,
    Membership,
    Not,
    Query,
)

_KINDS = {
    "boolean": ("boolean", "boolean", "should not be enclosed in quotes"),
    "date": ("date", "date", "should not be enclosed in quotes"),
    "datetime": ("moment", "dateTime", "should not be enclosed in quotes"),
    "time": ("text", "time", "should not be enclosed in quotes"),
    **dict.fromkeys(NUMBERS, ("number", "double", "should not be enclosed in quotes")),
}


class Filters:
    """Builds one SQL condition and collects its parameters.

    ``find`` resolves operands; ``nested`` compiles an inner query to SQL with parameters.
    """

    def __init__(
        self,
        find: Callable[[Column | Call], Found],
        nested: Callable[[Query], tuple[str, list[Any]]],
        today: date,
    ) -> None:
        self._find, self._nested, self._today = find, nested, today
        self.parameters: list[Any] = []

    def sql(self, condition: Condition) -> str:
        """The condition as SQL that is never null."""
        match condition:
            case Joined(operator, parts):
                return "(" + f" {operator} ".join(self.sql(part) for part in parts) + ")"
            case Not(part):
                return f"NOT ({self.sql(part)})"
            case Membership():
                return self._member(condition)
            case Choices():
                return self._choices(condition)
            case Comparison():
                return self._compare(condition)

    def _bind(self, value: Any) -> str:
        self.parameters.append(value)
        return "?"

    def _compare(self, test: Comparison) -> str:
        found = self._find(test.left)
        filterable(found.field)
        if test.right.kind == "null":
            if test.operator not in {"=", "!="}:
                raise malformed("unexpected token: 'null'")
            return f"{found.sql} IS {'NOT ' if test.operator == '!=' else ''}NULL"
        if test.right.kind == "span":
            return self._span(found, test)
        if test.operator == "LIKE":
            return self._like(found, test.right)
        value = bound(found.field, test.right)
        if test.operator in {"=", "!="}:
            negated = "NOT " if test.operator == "!=" else ""
            return f"{found.comparable} IS {negated}{self._bind(value)}"
        return f"COALESCE({found.comparable} {test.operator} {self._bind(value)}, 0)"

    def _like(self, found: Found, pattern: Literal) -> str:
        if pattern.kind != "text" or found.field.type in set(_KINDS) | {"id", "reference"}:
            raise Problem(
                400, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on " + found.field.type
            )
        return f"COALESCE({found.sql} LIKE {self._bind(pattern.text)} ESCAPE '\\', 0)"

    def _span(self, found: Found, test: Comparison) -> str:
        if found.field.type not in {"date", "datetime"}:
            raise wrong_kind(found.field)
        try:
            low, high = day_range(test.right.text, test.right.count, self._today)
        except (OverflowError, ValueError) as error:
            raise malformed(f"Invalid date: {test.right.text}:{test.right.count}") from error
        spelled = midnight if found.field.type == "datetime" else date.isoformat
        first, after = spelled(low), spelled(high)
        if test.operator in {"=", "!="}:
            inside = f"COALESCE({found.sql} >= {self._bind(first)}"
            inside += f" AND {found.sql} < {self._bind(after)}, 0)"
            return inside if test.operator == "=" else f"NOT {inside}"
        edge = first if test.operator in {"<", ">="} else after
        operator = {"<=": "<", ">": ">="}.get(test.operator, test.operator)
        return f"COALESCE({found.sql} {operator} {self._bind(edge)}, 0)"

    def _member(self, test: Membership) -> str:
        found = self._find(test.left)
        filterable(found.field)
        negated = "NOT " if test.negated else ""
        if test.query is not None:
            sql, parameters = self._nested(test.query)
            self.parameters.extend(parameters)
            return f"COALESCE({found.sql} {negated}IN ({sql}), {int(test.negated)})"
        values = [v for v in test.values if v.kind != "null"]
        marks = ", ".join(self._bind(bound(found.field, value)) for value in values)
        sql = f"COALESCE({found.comparable} IN ({marks}), 0)"
        if len(values) < len(test.values):
            sql = f"({sql} OR {found.sql} IS NULL)"
        return f"NOT {sql}" if test.negated else sql

    def _choices(self, test: Choices) -> str:
        found = self._find(test.left)
        if found.field.type != "multipicklist":
            raise Problem(
                400, "INVALID_FIELD", f"includes or excludes operator only valid on multipicklist "
                f"field: {found.field.name}"
            )  # fmt: skip
        options = []
        for value in test.values:
            parts = [
                f"instr(';' || {found.sql} || ';', {self._bind(f';{part};')}) > 0"
                for part in value.text.split(";")
            ]
            options.append("(" + " AND ".join(parts) + ")")
        sql = "COALESCE((" + " OR ".join(options) + "), 0)"
        return f"NOT {sql}" if test.negated else sql


def filterable(field: Field) -> None:
    """Long text and compounds cannot stand in conditions."""
    long = field.type == "textarea" and field.length > 255
    if long or field.type in {"address", "location", "base64"}:
        raise Problem(
            400, "INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call"
        )


def bound(field: Field, literal: Literal) -> Any:
    """The SQL parameter a literal becomes when compared with this field."""
    wanted = _KINDS.get(field.type, ("text", "string", "should be enclosed in quotes"))[0]
    if literal.kind != wanted:
        raise wrong_kind(field)
    if field.type in NUMBERS:
        return float(literal.text)
    if field.type == "datetime":
        try:
            return stamp(read_moment(literal.text))
        except (ValueError, OverflowError) as error:
            raise malformed(f"Invalid date: {literal.text}") from error
    if field.type == "date":
        try:
            return date.fromisoformat(literal.text).isoformat()
        except ValueError as error:
            raise malformed(f"Invalid date: {literal.text}") from error
    if field.type in {"id", "reference"}:
        if literal.text == "":
            return None
        found = whole_id(literal.text)
        if found is None:
            raise Problem(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.text}")
        return found
    return literal.text or None


def wrong_kind(field: Field) -> Problem:
    """A value of the wrong type in a condition."""
    _, kind, quotes = _KINDS.get(field.type, ("text", "string", "should be enclosed in quotes"))
    return Problem(
        400,
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {kind} and {quotes}",
    )
