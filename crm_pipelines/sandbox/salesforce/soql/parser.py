"""SOQL tokens to a tree, by recursive descent."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.soql.conditions import Conditions
from crm_pipelines.sandbox.salesforce.soql.tokens import tokenise
from crm_pipelines.sandbox.salesforce.soql.tree import (
    Call,
    Children,
    Column,
    Condition,
    Everything,
    Order,
    Query,
    Selected,
)


def parse(text: str) -> Query:
    """The query a text stands for; raises ``MALFORMED_QUERY`` as a ``Problem``."""
    parser = Parser(tokenise(text))
    query = parser.query()
    if parser.peek().kind != "end":
        raise parser.unexpected()
    return query


class Parser(Conditions):
    """Clauses in the order SOQL wants them."""

    def query(self) -> Query:
        """``SELECT … FROM …`` with whatever clauses follow."""
        self.demand("SELECT")
        selected = [self._selected()]
        while self.sign(","):
            selected.append(self._selected())
        self.demand("FROM")
        source = self.name()
        self._alias()
        if self.word("USING"):
            self.demand("SCOPE")
            self.name()
        where = self.condition() if self.word("WHERE") else None
        groups = self._groups()
        having = self.condition() if self.word("HAVING") else None
        return self._tail(tuple(selected), source, where, groups, having)

    def _tail(
        self,
        selected: tuple[Selected, ...],
        source: str,
        where: Condition | None,
        groups: tuple[Column | Call, ...],
        having: Condition | None,
    ) -> Query:
        orders = self._orders()
        limit = self.count() if self.word("LIMIT") else None
        offset = self.count() if self.word("OFFSET") else None
        all_rows = self.word("ALL")
        if all_rows:
            self.demand("ROWS")
        if self.word("FOR"):
            self.name()
        return Query(selected, source, where, groups, having, orders, limit, offset, all_rows)

    def _selected(self) -> Selected:
        if self.sign("("):
            inner = Children(self.query())
            self.demand(")")
            return inner
        operand = self.operand(macro=True)
        if isinstance(operand, Everything):
            return operand
        alias = self._alias()
        if alias is None:
            return operand
        if isinstance(operand, Call):
            return Call(operand.function, operand.column, alias)
        return Column(operand.path, alias)

    def _alias(self) -> str | None:
        token = self.peek()
        if token.kind == "word" and token.text.upper() not in self.RESERVED:
            return self.name()
        return None

    def _groups(self) -> tuple[Column | Call, ...]:
        if not self.word("GROUP"):
            return ()
        self.demand("BY")
        groups = [self.plain_operand()]
        while self.sign(","):
            groups.append(self.plain_operand())
        return tuple(groups)

    def _orders(self) -> tuple[Order, ...]:
        if not self.word("ORDER"):
            return ()
        self.demand("BY")
        orders = [self._order()]
        while self.sign(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> Order:
        by = self.plain_operand()
        descending = self.word("DESC")
        if not descending:
            self.word("ASC")
        last = False
        if self.word("NULLS"):
            last = self.word("LAST")
            if not last:
                self.demand("FIRST")
        return Order(by, descending, last)
