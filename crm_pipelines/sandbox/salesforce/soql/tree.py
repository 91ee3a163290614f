"""What a parsed query is made of."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Literal:
    """A value as written: ``kind`` is text, number, boolean, null, date, moment or span.

    A span is a named range of days (``TODAY``, ``LAST_N_DAYS``), ``count`` its parameter.
    """

    kind: str
    text: str
    count: int = 0


@dataclass(frozen=True)
class Column:
    """A field, reached through parents when dotted, with an alias when aggregated."""

    path: tuple[str, ...]
    alias: str | None = None

    @property
    def dotted(self) -> str:
        """As written."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Call:
    """A function of a field: an aggregate, or a part of a date. ``COUNT()`` has no column."""

    function: str
    column: Column | None
    alias: str | None = None


@dataclass(frozen=True)
class Everything:
    """``FIELDS(ALL | STANDARD | CUSTOM)``."""

    which: str


@dataclass(frozen=True)
class Children:
    """A parent-to-child subquery."""

    query: Query


Selected = Column | Call | Everything | Children


@dataclass(frozen=True)
class Comparison:
    """``left operator right``."""

    left: Column | Call
    operator: str
    right: Literal


@dataclass(frozen=True)
class Membership:
    """``left [NOT] IN (…)`` with values or a subquery."""

    left: Column
    negated: bool
    values: tuple[Literal, ...] = ()
    query: Query | None = None


@dataclass(frozen=True)
class Choices:
    """``left INCLUDES | EXCLUDES ('a;b', …)`` of a multi-select picklist."""

    left: Column
    negated: bool
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Joined:
    """Conditions joined by ``AND`` or ``OR``."""

    operator: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Condition


Condition = Comparison | Membership | Choices | Joined | Not


@dataclass(frozen=True)
class Order:
    """One sort key; SOQL puts nulls first unless told otherwise."""

    by: Column | Call
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True)
class Query:
    """A whole query."""

    selected: tuple[Selected, ...]
    source: str
    where: Condition | None = None
    groups: tuple[Column | Call, ...] = ()
    having: Condition | None = None
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = field(default=False)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The functions selected."""
        return tuple(each for each in self.selected if isinstance(each, Call))

    @property
    def counts(self) -> bool:
        """Whether this is the bare ``SELECT COUNT()``."""
        return len(self.selected) == 1 and any(
            call.function == "COUNT" and call.column is None for call in self.calls
        )

    @property
    def aggregated(self) -> bool:
        """Whether rows are groups, not records."""
        return bool(self.groups or self.calls) and not self.counts
