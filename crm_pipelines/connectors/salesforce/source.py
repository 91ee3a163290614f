"""Reading an org: describe, then plain queries for few records and bulk query jobs for many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from crm_pipelines.connectors.salesforce import soql
from crm_pipelines.connectors.salesforce.answers import classify, observe
from crm_pipelines.connectors.salesforce.bulk_query import BulkQuery
from crm_pipelines.connectors.salesforce.census import Census
from crm_pipelines.connectors.salesforce.describe import columns, described, stamp_of
from crm_pipelines.connectors.salesforce.login import log_in
from crm_pipelines.connectors.salesforce.probe import introduce, probe, whole_price
from crm_pipelines.connectors.salesforce.query_jobs import QueryJobs
from crm_pipelines.connectors.salesforce.ranges import Range, divide, restore
from crm_pipelines.connectors.salesforce.rest_query import (
    LONGEST,
    RestQuery,
    as_texts,
    read_count,
)
from crm_pipelines.connectors.salesforce.rest_query import WAY as PLAIN
from crm_pipelines.connectors.salesforce.result_pages import ResultPages
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    CircuitOpen,
    CrmError,
    TooWide,
)
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.source import Landing, Page, Place
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import pyarrow as pa

STOPS = (BudgetSpent, BadCredentials, CircuitOpen, Blocked)
"""After these nothing else is worth asking."""


class SalesforceSource:
    """An opened org."""

    def __init__(self, door: Door, settings: SalesforceSettings) -> None:
        self._door, self._settings = door, settings
        self._described: dict[str, tuple[Field, ...]] = {}

    def describe(self, stream: Stream) -> tuple[Field, ...]:
        """The object's readable fields now."""
        assert isinstance(stream, SalesforceStream)
        if stream.name not in self._described:
            call = Call("GET", self._path(f"sobjects/{stream.sobject}/describe"))
            every = described(lambda: self._door.send(call), stream.sobject)
            chosen = self._settings.choose(stream.sobject, every)
            self._described[stream.name] = columns(stream, chosen)
        return self._described[stream.name]

    def pages(
        self,
        stream: Stream,
        part: Slice,
        place: Place | None,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> Iterator[Page]:
        """Pages of a query where few records are expected, of bulk query jobs otherwise."""
        assert isinstance(stream, SalesforceStream)
        ranges = restore(place) if place else []
        if place and "query" in place:
            yield from self._plain(stream, part).pages(place)
        elif ranges:
            yield from self._bulk(stream, part, keep, land).pages(ranges)
        else:
            yield from self._begin(stream, part, keep, land)

    def _begin(
        self,
        stream: SalesforceStream,
        part: Slice,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> Iterator[Page]:
        expected = self._expect(stream, part)
        if expected == 0:
            yield Page(self._nothing(stream), None, f"{PLAIN} (COUNT() says 0)")
        elif expected is not None and expected < self._settings.bulk_rows:
            yield from self._few(stream, part, keep, land)
        else:
            ranges = self._split(stream, part, expected)
            yield from self._bulk(stream, part, keep, land).pages(ranges)

    def _few(
        self,
        stream: SalesforceStream,
        part: Slice,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> Iterator[Page]:
        try:
            yield from self._plain(stream, part).pages(None)
        except TooWide:
            whole = [Range(part.start, part.end)]
            yield from self._bulk(stream, part, keep, land).pages(whole)

    def _expect(self, stream: SalesforceStream, part: Slice) -> int | None:
        """How many records the slice has; ``None`` where that makes no difference, or the org
        cannot tell: large objects may be too much even to count."""
        fields = self.describe(stream)
        asked = soql.select(stream.sobject, fields, part)
        if not self._settings.bulk_rows or len(quote(asked)) > LONGEST:
            return None
        counting = soql.count(stream.sobject, fields, part)
        call = Call("GET", self._path(soql.resource(fields)), {"q": counting})
        try:
            return read_count(lambda: self._door.send(call))
        except STOPS:
            raise
        except CrmError:
            return None

    def _split(self, stream: SalesforceStream, part: Slice, expected: int | None) -> list[Range]:
        """Several ranges where that many records are expected, by counts of each day."""
        size = self._settings.split_rows
        pieces = math.ceil((expected or 0) / size) if size else 1
        return self._divided(stream, part, pieces) or [Range(part.start, part.end)]

    def _divided(self, stream: SalesforceStream, part: Slice, pieces: int) -> list[Range]:
        if pieces < 2 or part.max_records or stamp_of(self.describe(stream)) is None:
            return []
        try:
            by_day = self._census(stream).count_by_day()
        except STOPS:
            raise
        except CrmError:
            return []
        return divide(part, by_day, pieces, datetime.now(UTC))

    def _plain(self, stream: SalesforceStream, part: Slice) -> RestQuery:
        fields = self.describe(stream)
        path = self._path(soql.resource(fields))
        asked = soql.select(stream.sobject, fields, part)
        return RestQuery(self._door, path, asked, fields, part.page_size)

    def _bulk(
        self,
        stream: SalesforceStream,
        part: Slice,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> BulkQuery:
        fields, jobs = self.describe(stream), QueryJobs(self._door, self._settings)

        def within(one: Range) -> Slice:
            return Slice(one.start, one.end, part.max_records)

        return BulkQuery(
            jobs,
            ResultPages(self._door, land, part.page_size or self._settings.page_rows),
            version=self._settings.api_version,
            order=lambda one: jobs.order(
                soql.select(stream.sobject, fields, within(one)), soql.resource(fields)
            ),
            divide=lambda one: self._divided(stream, within(one), 2),
            keep=keep,
            empty=lambda: self._nothing(stream),
            sized=bool(part.page_size),
        )

    def _nothing(self, stream: SalesforceStream) -> pa.Table:
        return as_texts([], self.describe(stream))

    def introduce(self) -> str:
        """The user behind the login."""
        return introduce(self._door, self._settings.instance_url)

    def probe(self, stream: Stream, *, sample: bool) -> Probe:
        """A count, or one record with the count of its query."""
        assert isinstance(stream, SalesforceStream)
        return probe(self._door, stream, self._settings.api_version, sample=sample)

    def price(self, stream: Stream, records: int | None) -> Price:
        """Describe and count, then the pages of a query or jobs with theirs."""
        return whole_price(records, self._settings)

    def list_ids(self, stream: Stream, ours_by_day: Mapping[date, int]) -> Listing:
        """Counted by day first; only what differs is listed."""
        return self._census(stream).list_ids(ours_by_day)

    def find(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """One query for every 200 ids."""
        return self._census(stream).find(ids)

    def _census(self, stream: Stream) -> Census:
        assert isinstance(stream, SalesforceStream)
        fields = self.describe(stream)
        return Census(
            self._door,
            stream,
            self._settings.api_version,
            stamp_of(fields) or "SystemModstamp",
            marked=any(field.name == stream.deleted_field for field in fields),
        )

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _path(self, path: str) -> str:
        return f"/services/data/v{self._settings.api_version}/{path}"


def open_source(
    settings: SalesforceSettings, budget: Budget, tokens: TokenStore
) -> SalesforceSource:
    """Open the org that the settings name."""
    login, address = log_in(settings, tokens)
    door = Door(
        "Salesforce",
        address,
        budget=budget,
        login=login,
        classify=classify,
        observe=observe,
        timeouts=settings,
    )
    return SalesforceSource(door, settings)
