"""Reading an org: describe, then plain queries for few records and bulk query jobs for many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

from crm_pipelines.connectors.salesforce.census import Census
from crm_pipelines.connectors.salesforce.describe import columns, described, stamp_of
from crm_pipelines.connectors.salesforce.opening import open_door
from crm_pipelines.connectors.salesforce.probe import introduce, probe, whole_price
from crm_pipelines.connectors.salesforce.reading import Reading
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.source import Landing, Page, Place
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door


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
        reading = Reading(
            self._door,
            self._settings,
            stream.sobject,
            lambda: self.describe(stream),
            part,
            lambda: self._census(stream),
            keep,
            land,
        )
        yield from reading.pages(place)

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
    return SalesforceSource(open_door(settings, budget, tokens), settings)
