"""``/deleted`` and ``/updated``: which records changed within a span of time."""

# ruff: noqa: S608  (identifiers come from declarations, values are bound)

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, json_answer
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.record_resources import find_sobject
from crm_pipelines.sandbox.salesforce.soql.spans import read_moment, stamp

_MOST = 600_000
_DELETED_DAYS, _UPDATED_DAYS = 15, 30


class Replication:
    """The two resources."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def deleted(self, call: Call) -> Response:
        """Ids with the time of deletion; also of records that are gone for good."""
        sobject = find_sobject(self._company, call.part("sobject"))
        start, end = self._span(call, _DELETED_DAYS)
        rows = self._company.database.rows(
            "SELECT id, deleted_at FROM salesforce_deletion WHERE sobject = ? "
            "AND deleted_at >= ? AND deleted_at < ? ORDER BY deleted_at, id",
            (sobject.name, stamp(start), stamp(end)),
        )
        earliest = self._company.now() - timedelta(days=_DELETED_DAYS)
        return json_answer(
            {
                "deletedRecords": [
                    {"id": identity, "deletedDate": spelled(at)} for identity, at in limited(rows)
                ],
                "earliestDateAvailable": spelled(stamp(earliest)),
                "latestDateCovered": spelled(stamp(end)),
            }
        )

    def updated(self, call: Call) -> Response:
        """Ids of records created or changed."""
        sobject = find_sobject(self._company, call.part("sobject"))
        start, end = self._span(call, _UPDATED_DAYS)
        rows = self._company.database.rows(
            f'SELECT Id FROM "{sobject.table}" WHERE SystemModstamp >= ? '
            "AND SystemModstamp < ? AND _deleted_at IS NULL ORDER BY SystemModstamp, Id",
            (stamp(start), stamp(end)),
        )
        ids = [row[0] for row in limited(rows)]
        return json_answer({"ids": ids, "latestDateCovered": spelled(stamp(end))})

    def _span(self, call: Call, days: int) -> tuple[datetime, datetime]:
        start, end = _moment(call, "start"), _moment(call, "end")
        now = self._company.now()
        if start >= end:
            message = "endDate must be at least one minute greater than startDate"
            raise Problem(400, "INVALID_REPLICATION_DATE", message)
        if start < now - timedelta(days=days):
            message = f"startDate cannot be more than {days} days ago"
            raise Problem(400, "INVALID_REPLICATION_DATE", message)
        return start, min(end, now)


def limited(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The rows, unless they are too many."""
    if len(rows) > _MOST:
        raise Problem(400, "EXCEEDED_ID_LIMIT", f"more than {_MOST} Ids in this span of time")
    return rows


def spelled(at: str) -> str:
    """A stored date-time as REST shows it."""
    return at[:-1] + "+0000"


def _moment(call: Call, name: str) -> datetime:
    text = call.option(name)
    try:
        # an unescaped plus sign arrives as a space
        return read_moment((text or "").replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        message = f"{name} must be a date-time such as 2026-01-31T00:00:00+00:00"
        raise Problem(400, "INVALID_REPLICATION_DATE", message) from error
