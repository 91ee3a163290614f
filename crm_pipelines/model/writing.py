"""Writing many rows into a CRM at once: what is asked for, and what came of each row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What is done with every row."""

    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"


class Fate(StrEnum):
    """What came of a row.

    ``refused`` rows were never sent, since the CRM could not take them; ``replaced`` ones neither,
    since a later row has the same key; ``failed`` ones were turned down by the CRM; ``unprocessed``
    ones it never looked at. ``unknown`` is an insert that may have been applied: look for its key
    in the CRM before it is written again.
    """

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    REFUSED = "refused"
    REPLACED = "replaced"
    FAILED = "failed"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Writing:
    """Rows of one object of a CRM.

    ``target`` is the object by its API name. ``key`` is the column that tells rows apart: the
    external id that an upsert matches on, the record's id for an update or a delete, any value
    that is the row's own for an insert. ``parents`` are columns whose records are locked while
    their children are written, the most contended first; found by the connector if empty.
    """

    target: str
    operation: Operation
    key: str
    parents: tuple[str, ...] = ()


OUTCOME_COLUMNS = ("key", "fate", "id", "code", "message", "fields")
"""Columns of the tables of outcomes, all of them texts, but ``fields``, which is a list of texts.

``id`` is the CRM's record id where it is known; ``code``, ``message`` and ``fields`` say why a row
was not written, in the CRM's words.
"""
