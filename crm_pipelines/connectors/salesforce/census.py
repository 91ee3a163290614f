"""Counting an object by day, and listing the days on which the mirror counts otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from crm_pipelines.connectors.salesforce.addresses import call_at
from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Call
from crm_pipelines.model.listing import Listing
from crm_pipelines.transport.door import Door

DAYS_PER_COUNT = 1_800
"""An aggregate query gives 2,000 groups at most, and no further page."""

MOST_DAYS = 400
"""Days that are listed one by one; if more differ, a full sync is what is needed."""

IDS_PER_QUERY = 200
DAY = timedelta(days=1)


class _Rows(msgspec.Struct):
    records: list[dict[str, Any]]
    done: bool
    following: str = msgspec.field(default="", name="nextRecordsUrl")


class Census:
    """Questions about one object, cut by its field ``stamp``.

    ``queryAll`` shows archived activities, too; what is deleted is left out by its mark.
    """

    def __init__(
        self, door: Door, stream: SalesforceStream, version: str, stamp: str, *, marked: bool
    ) -> None:
        self._door, self._sobject, self._stamp = door, stream.sobject, stamp
        self._path = f"/services/data/v{version}/queryAll"
        self._alive = " AND IsDeleted = false" if marked else ""

    def list_ids(self, ours_by_day: Mapping[date, int]) -> Listing:
        """Live records of the days that count otherwise than ``ours_by_day``."""
        theirs = self.count_by_day(min(ours_by_day, default=None))
        differing = sorted(
            day for day in {*theirs, *ours_by_day} if theirs.get(day) != ours_by_day.get(day)
        )
        listed = differing[-MOST_DAYS:]
        records: dict[str, datetime | None] = {}
        for first, last in _spans(listed):
            records.update(self._records(self._between(first, last + DAY)))
        doubt = ""
        if len(differing) > MOST_DAYS:
            doubt = f"{len(differing)} days differ, of which the last {MOST_DAYS} were looked at"
        return Listing(records, frozenset(listed), sum(theirs.values()), doubt)

    def find(self, ids: Sequence[str]) -> dict[str, datetime | None]:
        """Those of the ids that are alive."""
        found: dict[str, datetime | None] = {}
        for start in range(0, len(ids), IDS_PER_QUERY):
            quoted = ", ".join(f"'{one}'" for one in ids[start : start + IDS_PER_QUERY])
            found.update(self._records(f"Id IN ({quoted})"))
        return found

    def count_by_day(self, first_of_ours: date | None = None) -> dict[date, int]:
        """Live records by the day of their stamp, from the oldest (or that day) to today's."""
        oldest = self._query(f"SELECT MIN({self._stamp}) oldest FROM {self._sobject}")  # noqa: S608
        text = next(oldest, {}).get("oldest")
        if text is None:
            return {}
        day = min(_moment(text).date(), first_of_ours or date.max)
        counts: dict[date, int] = {}
        while day <= datetime.now(UTC).date():
            span = self._between(day, day + DAYS_PER_COUNT * DAY)
            rows = self._query(
                f"SELECT DAY_ONLY({self._stamp}) day, COUNT(Id) records FROM {self._sobject} "  # noqa: S608
                f"WHERE {span}{self._alive} GROUP BY DAY_ONLY({self._stamp})"
            )
            counts.update({date.fromisoformat(row["day"]): int(row["records"]) for row in rows})
            day += DAYS_PER_COUNT * DAY
        return counts

    def _records(self, condition: str) -> dict[str, datetime | None]:
        rows = self._query(
            f"SELECT Id, {self._stamp} FROM {self._sobject} WHERE {condition}{self._alive}"  # noqa: S608
        )
        return {row["Id"]: _moment(row[self._stamp]) for row in rows}

    def _between(self, first: date, after: date) -> str:
        return f"{self._stamp} >= {first}T00:00:00Z AND {self._stamp} < {after}T00:00:00Z"

    def _query(self, soql: str) -> Iterator[dict[str, Any]]:
        call = Call("GET", self._path, {"q": soql})
        while True:
            page = decoded(self._door.send(call), _Rows)
            yield from page.records
            if page.done:
                return
            call = call_at(page.following)


def _spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Neighbouring days together: first and last of each row of them."""
    first = last = None
    for day in days:
        if first is not None and last is not None and day != last + DAY:
            yield first, last
            first = day
        first, last = first or day, day
    if first is not None and last is not None:
        yield first, last


def _moment(text: str) -> datetime:
    """Both spellings: with a colon in the offset, and without."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
