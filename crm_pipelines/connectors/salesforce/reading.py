"""The choice between a plain query and bulk jobs, and between one job and several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from crm_pipelines.connectors.salesforce import soql
from crm_pipelines.connectors.salesforce.answers import NotInBulk
from crm_pipelines.connectors.salesforce.bulk_query import BulkQuery
from crm_pipelines.connectors.salesforce.census import Census
from crm_pipelines.connectors.salesforce.describe import stamp_of
from crm_pipelines.connectors.salesforce.query_jobs import QueryJobs
from crm_pipelines.connectors.salesforce.ranges import Range, divide, restore
from crm_pipelines.connectors.salesforce.rest_query import (
    LONGEST,
    WAY,
    RestQuery,
    as_texts,
    read_count,
)
from crm_pipelines.connectors.salesforce.result_pages import ResultPages
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    CircuitOpen,
    CrmError,
    TooWide,
)
from crm_pipelines.model.source import Landing, Page, Place
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import pyarrow as pa

STOPS = (BudgetSpent, BadCredentials, CircuitOpen, Blocked)
"""After these nothing else is worth asking."""


@dataclass(frozen=True)
class Reading:
    """One slice of one object, to be read. What is asked of the org first is asked when needed."""

    door: Door
    settings: SalesforceSettings
    sobject: str
    describe: Callable[[], Sequence[Field]]
    part: Slice
    census: Callable[[], Census]
    keep: Callable[[Place], None]
    land: Callable[[], Landing]

    def pages(self, place: Place | None) -> Iterator[Page]:
        """From the place on, in the way that it belongs to."""
        ranges = restore(place) if place else []
        if place and "query" in place:
            yield from self._few(place)
        elif ranges:
            yield from self._bulk().pages(ranges)
        else:
            yield from self._begin()

    def _begin(self) -> Iterator[Page]:
        expected = self._expect()
        if expected == 0:
            yield Page(self._nothing(), None, f"{WAY} (COUNT() says 0)")
        elif expected is not None and expected < self.settings.bulk_rows:
            yield from self._few(None)
        else:
            yield from self._many(expected)

    def _expect(self) -> int | None:
        """How many records the slice has; ``None`` where that makes no difference, or the org
        cannot tell: large objects may be too much even to count."""
        asked = soql.select(self.sobject, self.fields, self.part)
        if not self.settings.bulk_rows or len(quote(asked)) > LONGEST:
            return None
        counting = soql.count(self.sobject, self.fields, self.part)
        call = Call("GET", self._path, {"q": counting})
        try:
            return read_count(lambda: self.door.send(call))
        except STOPS:
            raise
        except CrmError:
            return None

    def _many(self, expected: int | None) -> Iterator[Page]:
        try:
            yield from self._bulk().pages(self._split(expected))
        except NotInBulk:
            yield from self._few(None)

    def _few(self, place: Place | None) -> Iterator[Page]:
        asked = soql.select(self.sobject, self.fields, self.part)
        plain = RestQuery(self.door, self._path, asked, self.fields, self.part.page_size)
        try:
            yield from plain.pages(place)
        except TooWide:
            yield from self._bulk().pages([Range(self.part.start, self.part.end)])

    def _split(self, expected: int | None) -> list[Range]:
        """Several ranges where that many records are expected, by counts of each day."""
        size = self.settings.split_rows
        pieces = math.ceil((expected or 0) / size) if size else 1
        return self._divided(self.part, pieces) or [Range(self.part.start, self.part.end)]

    def _divided(self, part: Slice, pieces: int) -> list[Range]:
        if pieces < 2 or part.max_records or stamp_of(self.fields) is None:
            return []
        try:
            by_day = self.census().count_by_day()
        except STOPS:
            raise
        except CrmError:
            return []
        return divide(part, by_day, pieces, datetime.now(UTC))

    def _bulk(self) -> BulkQuery:
        jobs = QueryJobs(self.door, self.settings)

        def within(one: Range) -> Slice:
            return Slice(one.start, one.end, self.part.max_records)

        def order(one: Range) -> str:
            asked = soql.select(self.sobject, self.fields, within(one))
            return jobs.order(asked, soql.resource(self.fields))

        names, size = [field.source for field in self.fields], self.part.page_size
        return BulkQuery(
            jobs,
            ResultPages(self.door, self.land, names, size or self.settings.page_rows),
            version=self.settings.api_version,
            order=order,
            divide=lambda one: self._divided(within(one), 2),
            keep=self.keep,
            empty=self._nothing,
            sized=bool(size),
        )

    def _nothing(self) -> pa.Table:
        return as_texts([], self.fields)

    @property
    def fields(self) -> Sequence[Field]:
        """The object's fields."""
        return self.describe()

    @property
    def _path(self) -> str:
        return f"/services/data/v{self.settings.api_version}/{soql.resource(self.fields)}"
