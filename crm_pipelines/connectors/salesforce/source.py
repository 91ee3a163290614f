"""Reading an org: describe, then one Bulk API 2.0 query job per slice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from crm_pipelines.connectors.salesforce.census import Census
from crm_pipelines.connectors.salesforce.csv_pages import read_page
from crm_pipelines.connectors.salesforce.describe import columns, described, stamp_of
from crm_pipelines.connectors.salesforce.opening import open_door
from crm_pipelines.connectors.salesforce.probe import introduce, probe, whole_price
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.errors import CrmError, FatalError, GoneError
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.source import Landing, Page, Place
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx

PAGE = 25_000
"""Records per result page; without a ceiling Salesforce may stop in the middle of a huge page."""

FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.3, 1.6, 15.0
"""Seconds between polls: every poll counts against the org's quota."""


class SalesforceSource:
    """An opened org."""

    def __init__(self, door: Door, settings: SalesforceSettings) -> None:
        self._door, self._settings = door, settings
        self._described: dict[str, tuple[Field, ...]] = {}

    def describe(self, stream: Stream) -> tuple[Field, ...]:
        """The object's readable fields now."""
        assert isinstance(stream, SalesforceStream)
        if stream.name not in self._described:
            call = self._get(f"sobjects/{stream.sobject}/describe")
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
        """Result pages of one job. A job or locator that has expired is ordered again."""
        assert isinstance(stream, SalesforceStream)
        try:
            yield from self._read(stream, part, place or self._order(stream, part, keep), land)
        except GoneError:
            if place is None:
                raise
            yield from self._read(stream, part, self._order(stream, part, keep), land)

    def _read(
        self, stream: SalesforceStream, part: Slice, place: Place, land: Callable[[], Landing]
    ) -> Iterator[Page]:
        rows = self._await_job(place["job"], place["version"])
        if rows == 0 and place.get("locator") is None:
            yield Page(_empty(self.describe(stream)), None)
        else:
            yield from self._results(place, part, land)
        self._delete(place)

    def introduce(self) -> str:
        """The user behind the login."""
        return introduce(self._door, self._settings.instance_url)

    def probe(self, stream: Stream, *, sample: bool) -> Probe:
        """A count, or one record with the count of its query."""
        assert isinstance(stream, SalesforceStream)
        return probe(self._door, stream, self._settings.api_version, sample=sample)

    def price(self, stream: Stream, records: int | None) -> Price:
        """One job: describe, order, polls, result pages, tidying up."""
        return whole_price(records, PAGE)

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

    def _order(self, stream: SalesforceStream, part: Slice, keep: Callable[[Place], None]) -> Place:
        version = self._settings.api_version
        fields = self.describe(stream)
        bin_too = any(field.source == "IsDeleted" for field in fields)
        operation = "queryAll" if bin_too else "query"
        soql = _soql(stream, fields, part)
        call = Call(
            "POST",
            f"/services/data/v{version}/jobs/query",
            json={"operation": operation, "query": soql},
            safe=True,  # a job that was made twice is only a job nobody reads
        )
        place = {"job": json.loads(self._door.send(call).content)["id"], "version": version}
        keep(place)
        return place

    def _await_job(self, job: str, version: str) -> int:
        give_up_at = time.monotonic() + self._settings.job_wait_seconds
        pause = FIRST_PAUSE
        while True:
            time.sleep(pause)
            answer = self._door.send(self._get(f"jobs/query/{job}", version=version))
            state = json.loads(answer.content)
            if state["state"] == "JobComplete":
                return int(state.get("numberRecordsProcessed") or 0)
            if state["state"] in ("Failed", "Aborted"):
                why = state.get("errorMessage") or "no reason given"
                raise FatalError(f"Salesforce's job {job} is {state['state'].lower()}: {why}")
            if time.monotonic() > give_up_at:
                raise FatalError(
                    f"Salesforce's job {job} is not done after {self._settings.job_wait_seconds} "
                    "s: run the same command again to go on with it, or raise "
                    "SALESFORCE_JOB_WAIT_SECONDS"
                )
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _results(self, place: Place, part: Slice, land: Callable[[], Landing]) -> Iterator[Page]:
        locator = place.get("locator")
        while True:
            params = {"maxRecords": str(part.page_size or PAGE)}
            if locator:
                params["locator"] = locator
            call = self._get(
                f"jobs/query/{place['job']}/results", version=place["version"], params=params
            )
            page = _Results(land)
            self._door.fetch(call, page.read)
            locator = page.locator
            yield Page(page.landing, {**place, "locator": locator} if locator else None)
            if not locator:
                return

    def _delete(self, place: Place) -> None:
        """Tidy up; a job that stays behind goes by itself after seven days."""
        path = f"/services/data/v{place['version']}/jobs/query/{place['job']}"
        try:
            self._door.send(Call("DELETE", path))
        except CrmError:
            return

    def _get(self, path: str, *, version: str = "", params: dict[str, str] | None = None) -> Call:
        version = version or self._settings.api_version
        return Call("GET", f"/services/data/v{version}/{path}", params or {})


class _Results:
    """What one result page held; read anew on every attempt."""

    landing: Landing
    locator: str | None

    def __init__(self, land: Callable[[], Landing]) -> None:
        self._land = land

    def read(self, response: httpx.Response) -> None:
        self.landing = self._land()
        for records in read_page(response):
            self.landing.put(records)
        locator = response.headers.get("sforce-locator")
        self.locator = None if locator in (None, "", "null") else locator


def open_source(
    settings: SalesforceSettings, budget: Budget, tokens: TokenStore
) -> SalesforceSource:
    """Open the org that the settings name."""
    return SalesforceSource(open_door(settings, budget, tokens), settings)


def _soql(stream: SalesforceStream, fields: tuple[Field, ...], part: Slice) -> str:
    """No ORDER BY: it would switch off the chunking that large objects need."""
    conditions, stamp = [], stamp_of(fields)
    if part.start is not None and stamp:
        conditions.append(f"{stamp} >= {_moment(part.start)}")
    if part.end is not None and stamp:
        conditions.append(f"{stamp} < {_moment(part.end)}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    most = f" LIMIT {part.max_records}" if part.max_records else ""
    names = ", ".join(field.source for field in fields)
    return f"SELECT {names} FROM {stream.sobject}{where}{most}"  # noqa: S608 (SOQL, our names)


def _moment(moment: datetime) -> str:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def _empty(fields: tuple[Field, ...]) -> Any:
    import pyarrow as pa

    return pa.table({field.source: pa.array([], pa.string()) for field in fields})
