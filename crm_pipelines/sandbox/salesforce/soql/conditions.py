"""The part of the grammar below the clauses: conditions, operands and literals."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.soql.tokens import Token, malformed, unquote
from crm_pipelines.sandbox.salesforce.soql.tree import (
    Call,
    Choices,
    Column,
    Comparison,
    Condition,
    Everything,
    Joined,
    Literal,
    Membership,
    Not,
    Query,
)

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
DATE_PARTS = frozenset(
    {
        "CALENDAR_MONTH",
        "CALENDAR_QUARTER",
        "CALENDAR_YEAR",
        "DAY_IN_MONTH",
        "DAY_IN_WEEK",
        "DAY_IN_YEAR",
        "DAY_ONLY",
        "HOUR_IN_DAY",
    }
)
_DEEPEST = 50
COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})


class Conditions:
    """A place in the tokens, and what can be read from there."""

    RESERVED = frozenset(
        {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "ALL", "FOR", "USING"}
        | {"AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "ASC", "DESC", "NULLS"}
        | {"WITH", "UPDATE"}
    )

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0
        self._depth = 0

    def query(self) -> Query:
        """A nested query; the clauses know how."""
        raise NotImplementedError

    def peek(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The next token, used up."""
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def word(self, keyword: str) -> bool:
        """Use up a keyword if it comes next."""
        token = self.peek()
        if token.kind == "word" and token.text.upper() == keyword:
            self._at += 1
            return True
        return False

    def sign(self, mark: str) -> bool:
        """Use up a sign if it comes next."""
        if self.peek().kind == "sign" and self.peek().text == mark:
            self._at += 1
            return True
        return False

    def demand(self, wanted: str) -> None:
        """The next token must be this keyword or sign."""
        if not (self.sign(wanted) or self.word(wanted)):
            raise self.unexpected(wanted)

    def unexpected(self, wanted: str | None = None) -> Problem:
        """What is wrong here."""
        token = self.peek()
        if token.kind == "end":
            return malformed("unexpected end of query" if wanted is None else _missing(wanted))
        if wanted is None:
            return malformed(f"unexpected token: '{token.text}'")
        return malformed(
            f"\nERROR at Row:1:Column:{token.at + 1}\n"
            f"unexpected token: '{token.text}' (expecting '{wanted.lower()}')"
        )

    def name(self) -> str:
        """An identifier, dots and all."""
        if self.peek().kind != "word":
            raise self.unexpected()
        return self.take().text

    def count(self) -> int:
        """A whole number from 0 up to what 32 bits hold."""
        token = self.peek()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 9:
            raise self.unexpected()
        return int(self.take().text)

    def operand(self, *, macro: bool = False) -> Column | Call | Everything:
        """A field, a function of one, or (in a select list) ``FIELDS(…)``."""
        name = self.name()
        if not self.sign("("):
            if name.upper() in self.RESERVED:
                raise malformed(f"unexpected token: '{name}'")
            return Column(tuple(name.split(".")))
        function = name.upper()
        if macro and function == "FIELDS":
            which = self.name().upper()
            self.demand(")")
            return Everything(which)
        if function not in AGGREGATES | DATE_PARTS | {"TOLABEL", "FORMAT", "CONVERTTIMEZONE"}:
            raise malformed(f"unexpected token: '{name}'")
        column = None
        if not self.sign(")"):
            column = Column(tuple(self.name().split(".")))
            self.demand(")")
        elif function != "COUNT":
            raise self.unexpected()
        if column and function in {"TOLABEL", "FORMAT", "CONVERTTIMEZONE"}:
            return column
        return Call(function, column)

    def plain_operand(self) -> Column | Call:
        """An operand outside the select list."""
        operand = self.operand()
        if isinstance(operand, Everything):
            raise self.unexpected()
        return operand

    def condition(self) -> Condition:
        """``AND`` and ``OR`` may not be mixed without parentheses: SOQL refuses it as well."""
        parts = [self._factor()]
        operator = "OR" if self._next_is("OR") else "AND"
        while self.word(operator):
            parts.append(self._factor())
        if self._next_is("AND") or self._next_is("OR"):
            raise self.unexpected()
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts))

    def _next_is(self, keyword: str) -> bool:
        return self.peek().kind == "word" and self.peek().text.upper() == keyword

    def _factor(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise malformed("condition is nested too deeply")
        found: Condition
        if self.word("NOT"):
            found = Not(self._factor())
        elif self.sign("("):
            found = self.condition()
            self.demand(")")
        else:
            found = self._test()
        self._depth -= 1
        return found

    def _test(self) -> Condition:
        left = self.plain_operand()
        if isinstance(left, Column):
            if self.word("NOT"):
                self.demand("IN")
                return self._membership(left, negated=True)
            if self.word("IN"):
                return self._membership(left, negated=False)
            for keyword, negated in (("INCLUDES", False), ("EXCLUDES", True)):
                if self.word(keyword):
                    self.demand("(")
                    return Choices(left, negated, self._values())
            if self.word("LIKE"):
                return Comparison(left, "LIKE", self.literal(like=True))
        token = self.take()
        if token.text not in COMPARISONS or token.kind != "sign":
            raise malformed(f"unexpected token: '{token.text}'")
        operator = "!=" if token.text == "<>" else token.text
        return Comparison(left, operator, self.literal())

    def _membership(self, left: Column, *, negated: bool) -> Membership:
        self.demand("(")
        if self._next_is("SELECT"):
            inner = self.query()
            self.demand(")")
            return Membership(left, negated, query=inner)
        return Membership(left, negated, values=self._values())

    def _values(self) -> tuple[Literal, ...]:
        values = [self.literal()]
        while self.sign(","):
            values.append(self.literal())
        self.demand(")")
        return tuple(values)

    def literal(self, *, like: bool = False) -> Literal:
        """A value as written."""
        token = self.take()
        if token.kind == "text":
            return Literal("text", unquote(token.text, like=like))
        if token.kind in {"number", "date", "moment"}:
            return Literal(token.kind, token.text)
        if token.kind == "word":
            upper = token.text.upper()
            if upper == "NULL":
                return Literal("null", "")
            if upper in {"TRUE", "FALSE"}:
                return Literal("boolean", upper.lower())
            if self.sign(":"):
                return Literal("span", upper, self.count())
            return Literal("span", upper)
        raise malformed(f"unexpected token: '{token.text}'")


def _missing(wanted: str) -> str:
    return f"unexpected token: '<EOF>' (expecting '{wanted.lower()}')"
