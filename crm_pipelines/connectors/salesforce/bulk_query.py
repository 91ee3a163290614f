"""A slice read by bulk query jobs: a few at work in Salesforce, pages downloaded side by side."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from crm_pipelines.connectors.salesforce.downloads import side_by_side
from crm_pipelines.connectors.salesforce.query_jobs import JobFailed, QueryJobs
from crm_pipelines.connectors.salesforce.ranges import Range, store
from crm_pipelines.connectors.salesforce.result_pages import PARALLEL_SINCE, ResultPages
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    FatalError,
    GoneError,
    RetriableError,
    Truncated,
)
from crm_pipelines.model.source import Landing, Page, Place

if TYPE_CHECKING:
    import pyarrow as pa

LOG = logging.getLogger("crm_pipelines.salesforce")
WAY = "Bulk API 2.0"

JOBS_AT_ONCE = 3
"""Jobs of one slice that Salesforce works on at the same time."""

DOWNLOADS_AT_ONCE = 3
"""Pages on their way at the same time: on two cores two take about 0.65 of the time that one after
the other does, three 0.55, and four hardly less."""


class BulkQuery:
    """The jobs of one slice. ``order`` makes the job of a range, ``divide`` halves one.

    ``keep`` stores the place whenever something was paid for that is no page. ``sized`` says that
    the size of pages is the caller's, so that they are read one by one.
    """

    def __init__(
        self,
        jobs: QueryJobs,
        pages: ResultPages,
        *,
        version: str,
        order: Callable[[Range], str],
        divide: Callable[[Range], list[Range]],
        keep: Callable[[Place], None],
        empty: Callable[[], pa.Table],
        sized: bool,
    ) -> None:
        self._jobs, self._results, self._version = jobs, pages, version
        self._make, self._divide, self._store = order, divide, keep
        self._empty, self._sized = empty, sized
        self._ranges: list[Range] = []
        self._divided = False
        self._renewed: set[Range] = set()

    def pages(self, ranges: list[Range]) -> Iterator[Page]:
        """Every page that is still to come. A job that is gone is ordered again, once."""
        self._ranges, self._divided = ranges, len(ranges) > 1
        while self._ranges:
            self._order()
            try:
                if self._finished():
                    yield from self._read()
            except GoneError:
                again = self._first.anew()
                if again in self._renewed:
                    raise
                self._renewed.add(again)
                self._change_to(again)

    @property
    def _first(self) -> Range:
        return self._ranges[0]

    def _order(self) -> None:
        for at, one in enumerate(self._ranges[:JOBS_AT_ONCE]):
            if not one.job and not (one.closing and at):
                job = self._make(one)
                self._ranges[at] = one.change(job=job, version=self._version)
                self._keep()

    def _finished(self) -> bool:
        """Wait for the first range's job. One that Salesforce finds too wide becomes two."""
        one = self._first
        if one.finished:
            return True
        try:
            rows = self._jobs.wait(one.job, one.version)
        except JobFailed as error:
            self._jobs.delete(one.job, one.version)
            self._change_to(one.anew())
            halves = self._divide(one) if error.too_wide else []
            if len(halves) < 2:
                raise
            self._ranges[:1], self._divided = halves, True
            self._keep()
            return False
        self._change_to(one.change(finished=True, rows=rows))
        return True

    def _read(self) -> Iterator[Page]:
        """The pages of the first range, which then is no more."""
        one = self._first
        if self._is_listed():
            yield from self._side_by_side()
        else:
            yield from self._one_by_one()
        if not self._ranges or self._first.job != one.job:
            self._jobs.delete(one.job, one.version)

    def _is_listed(self) -> bool:
        """Whether there are addresses of pages; where they are refused, locators do."""
        one = self._first
        if one.listed or one.serial:
            return one.listed
        few = one.rows is not None and one.rows <= self._results.size
        addresses, more = tuple[str, ...](), ""
        if not (few or self._sized or float(one.version) < PARALLEL_SINCE):
            try:
                addresses, more = self._results.first_addresses(one.job, one.version)
            except (BadCredentials, Blocked):
                raise
            except (FatalError, RetriableError) as error:
                LOG.info(f"Result pages of {one.job} come one by one: {error}")
        listed = bool(addresses)
        self._change_to(
            one.change(listed=listed, serial=not listed, addresses=addresses, more=more)
        )
        return listed

    def _side_by_side(self) -> Iterator[Page]:
        job = self._first.job
        for address, page in side_by_side(
            self._first.addresses,
            self._results.at,
            self._more_addresses,
            at_once=DOWNLOADS_AT_ONCE,
            left=self._results.left,
        ):
            one = self._first
            left = tuple(other for other in one.addresses if other != address)
            self._ranges[0] = one.change(addresses=left, seen=one.seen + page.rows)
            if left or one.more:
                yield self._page(page.landing)
            else:
                yield from self._last(page.landing)
        if self._ranges and self._first.job == job and self._first.listed:
            yield from self._last(self._empty())  # what was to come was nothing

    def _more_addresses(self) -> tuple[str, ...]:
        one = self._first
        if not one.more:
            return ()
        found, more = self._results.addresses(one.more)
        if more and not found:
            raise Truncated("Salesforce's list of result pages goes on without naming any")
        self._change_to(one.change(addresses=(*one.addresses, *found), more=more))
        return found

    def _one_by_one(self) -> Iterator[Page]:
        while True:
            one = self._first
            page = self._results.behind(one.job, one.version, one.locator)
            if page.locator and page.locator == one.locator:
                raise self._give_up(one, "has a result page that names itself as the next")
            self._ranges[0] = one.change(locator=page.locator, seen=one.seen + page.rows)
            if not page.locator:
                yield from self._last(page.landing)
                return
            yield self._page(page.landing)

    def _last(self, records: pa.Table | Landing) -> Iterator[Page]:
        """The last page of a range, if it is: there must be as many rows as the job made."""
        one = self._first
        if one.rows is None or one.seen >= one.rows:
            self._ranges.pop(0)
            yield self._page(records)
        elif one.listed:
            again = one.anew().change(
                job=one.job, version=one.version, finished=True, rows=one.rows, serial=True
            )
            self._change_to(again)
        else:
            raise self._give_up(one, f"made {one.rows} rows, but its result pages hold {one.seen}")

    def _give_up(self, one: Range, why: str) -> Truncated:
        """A job whose results make no sense is asked anew, by the next run."""
        self._change_to(one.anew())
        return Truncated(
            f"Salesforce's job {one.job} {why}: nothing was changed here; run the same command "
            "again, it asks anew"
        )

    def _page(self, records: pa.Table | Landing) -> Page:
        return Page(records, store(self._ranges), f"{WAY} in ranges" if self._divided else WAY)

    def _change_to(self, one: Range) -> None:
        self._ranges[0] = one
        self._keep()

    def _keep(self) -> None:
        place = store(self._ranges)
        if place is not None:
            self._store(place)
