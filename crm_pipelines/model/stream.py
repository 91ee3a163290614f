"""What is mirrored: fields and streams, as declarations."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from crm_pipelines.model.rules import Rule


class Type(StrEnum):
    """What a column holds; the value is its PostgreSQL type."""

    TEXT = "text"
    INTEGER = "bigint"
    DECIMAL = "numeric"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamptz"
    TIME = "time"
    JSON = "jsonb"


@dataclass(frozen=True)
class Field:
    """One column of a mirror table.

    ``path`` says where the value lies in the CRM's record: a key, or ``list[primary].key`` for
    the member of a list that is marked primary (the first one otherwise). ``check`` names a
    kind of text in ``rules.CHECKS``; ``country`` is the column by which a postal code or a state
    is judged; ``length`` is what the CRM says is the longest text. ``keyed`` is an object in
    which every record shows every custom field the CRM has, empty ones too: a member that is
    missing belongs to a field that was removed, and the row keeps its last value.
    """

    name: str
    type: Type = Type.TEXT
    path: str = ""
    description: str = ""
    check: str = ""
    length: int = 0
    country: str = ""
    keyed: bool = False

    @property
    def source(self) -> str:
        """The path, which is the column's own name unless said otherwise."""
        return self.path or self.name


def free_name(wanted: str, taken: Container[str]) -> str:
    """A column name PostgreSQL keeps whole, and nothing else has."""
    name, number = wanted[:LONGEST_NAME], 1
    while name in taken:
        number += 1
        suffix = f"_{number}"
        name = wanted[: LONGEST_NAME - len(suffix)] + suffix
    return name


LONGEST_NAME = 63
"""Characters (bytes, in ASCII) of a name that PostgreSQL does not cut."""

KEY = "id"
"""Every mirrored record is known by this column (with ``workspace_id``)."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A declared collection of one CRM. Connectors extend it with where the records come from.

    ``cursor_field`` is the column a sync window is cut on; without one the stream is always read
    whole. ``fields`` may be empty where the CRM itself describes its columns. ``table`` is set
    when two lists of the API fill one table; ``scope`` then is the SQL condition that tells
    which rows of it are this stream's, so that a full sync only buries its own.
    ``deleted_field`` is a boolean column by which the CRM itself marks a record as deleted;
    ``deletes_told`` says that a delta shows such records, so that no sweep has to look for them.
    ``rhythm`` is how often the schedule reads a list that seldom changes, and ``None`` says every
    time; whoever asks for a sync gets it in any case.
    ``required`` are columns that must not be empty; ``rules`` hold between columns.
    """

    name: str
    title: str
    description: str
    fields: tuple[Field, ...] = ()
    cursor_field: str | None = None
    stamp_field: str | None = None
    key: Field = field(default=Field(KEY, Type.INTEGER, description="Identity in the CRM."))
    required: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    table: str = ""
    scope: str = "true"
    deleted_field: str | None = None
    deletes_told: bool = False
    indexes: tuple[str, ...] = ()
    rhythm: timedelta | None = None

    @property
    def windowed(self) -> bool:
        """Whether the stream can be read by sync window."""
        return self.cursor_field is not None

    def is_due(self, at: datetime, every: timedelta) -> bool:
        """Whether a tick of a schedule (``every`` so often) is the first of the rhythm's turns."""
        if self.rhythm is None:
            return True
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return (at - midnight) % self.rhythm < every

    @property
    def stamp(self) -> str | None:
        """The column that tells an older copy of a record from a newer one."""
        return self.stamp_field or self.cursor_field

    @property
    def table_name(self) -> str:
        """The mirror table in the CRM's schema."""
        return self.table or self.name
