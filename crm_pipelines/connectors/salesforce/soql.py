"""The queries a sync asks: which fields of an object, changed between which moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from crm_pipelines.connectors.salesforce.describe import stamp_of
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Slice


def select(sobject: str, fields: Sequence[Field], part: Slice) -> str:
    """Every field of the slice's records.

    No ORDER BY: it would switch off the chunking that large objects need.
    """
    names = ", ".join(field.source for field in fields)
    return f"SELECT {names} FROM {sobject}{_rest(fields, part)}"  # noqa: S608 (SOQL, our names)


def count(sobject: str, fields: Sequence[Field], part: Slice) -> str:
    """How many records the slice has."""
    return f"SELECT COUNT() FROM {sobject}{_rest(fields, part)}"  # noqa: S608


def resource(fields: Iterable[Field]) -> str:
    """``queryAll`` where the object marks what was deleted, so that deletions are told, too."""
    return "queryAll" if any(field.source == "IsDeleted" for field in fields) else "query"


def _rest(fields: Sequence[Field], part: Slice) -> str:
    conditions, stamp = [], stamp_of(fields)
    if part.start is not None and stamp:
        conditions.append(f"{stamp} >= {_moment(part.start)}")
    if part.end is not None and stamp:
        conditions.append(f"{stamp} < {_moment(part.end)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    most = f" LIMIT {part.max_records}" if part.max_records else ""
    return where + most


def _moment(moment: datetime) -> str:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )
