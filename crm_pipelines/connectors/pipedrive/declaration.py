"""What a Pipedrive stream is, and the fields that many of them share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from crm_pipelines.model.stream import Field, Stream, Type

HOURLY, SELDOM = timedelta(hours=1), timedelta(hours=6)
"""Rhythms of what seldom changes. Read at every delta, a quarter of an hour apart, a quiet account
would cost more than the 30,000 tokens a day of the smallest plan."""


@dataclass(frozen=True, kw_only=True)
class PipedriveStream(Stream):
    """A list of Pipedrive's API.

    ``paged`` is how it pages: by ``cursor`` (v2), by ``offset`` (``start`` and ``limit``, v1), or
    not at all (``none``); ``page`` is its largest page, and ``sortable`` whether it can be asked
    for in an order. ``windows`` is how it tells what changed: ``both`` ends of a sync window as
    parameters, ``since`` only, or ``newest`` first, to be read until something older comes.
    ``gathers`` says that custom fields stand among the others, as v1 shows them.
    """

    path: str
    params: dict[str, str] = field(default_factory=dict)
    paged: Literal["cursor", "offset", "none"] = "cursor"
    page: int = 500
    sortable: bool = True
    windows: Literal["both", "since", "newest"] = "both"
    gathers: bool = False


ADDED = Field("add_time", Type.TIMESTAMP, description="When it was created.")
UPDATED = Field("update_time", Type.TIMESTAMP, description="When it was last changed.")
DELETED = Field("is_deleted", Type.BOOLEAN, description="Whether it is in the bin.")
ACTIVE = Field("active_flag", Type.BOOLEAN, description="False for what is out of use.")
OWNER = Field("owner_id", Type.INTEGER, description="The user it belongs to.")
LABELS = Field("label_ids", Type.JSON, description="Options of the label field.")
VISIBLE = Field("visible_to", Type.INTEGER, description="1 owner, 3 company, 5 and 7 groups.")
CUSTOM = Field(
    "custom_fields", Type.JSON, description="Values by 40-character field code.", keyed=True
)


def texts(*names: str) -> tuple[Field, ...]:
    """Text columns that explain themselves."""
    return tuple(Field(name) for name in names)


def whole_numbers(*names: str) -> tuple[Field, ...]:
    """Integer columns that explain themselves."""
    return tuple(Field(name, Type.INTEGER) for name in names)


def flags(*names: str) -> tuple[Field, ...]:
    """Boolean columns that explain themselves."""
    return tuple(Field(name, Type.BOOLEAN) for name in names)


def times(*names: str) -> tuple[Field, ...]:
    """Columns of moments that explain themselves."""
    return tuple(Field(name, Type.TIMESTAMP) for name in names)
