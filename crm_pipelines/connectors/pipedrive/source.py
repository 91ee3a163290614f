"""Reading Pipedrive's lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from crm_pipelines.connectors.pipedrive.census import IDS_PER_CALL, alive, list_ids
from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.listed import Listed, inside, marker, read_list, to_table
from crm_pipelines.connectors.pipedrive.numbered_pages import read_numbered
from crm_pipelines.connectors.pipedrive.opening import open_door
from crm_pipelines.connectors.pipedrive.parameters import list_parameters
from crm_pipelines.connectors.pipedrive.probe import introduce, probe, whole_price
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.source import Landing, Page, Place
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx
    import msgspec
    import pyarrow as pa


class PipedriveSource:
    """An opened Pipedrive account."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def describe(self, stream: Stream) -> tuple[Field, ...]:
        """The declared fields: custom ones live in one column."""
        return (stream.key, *stream.fields)

    def pages(
        self,
        stream: Stream,
        part: Slice,
        place: Place | None,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> Iterator[Page]:
        """Pages in the order of ids: a record that changes while we read keeps its turn."""
        assert isinstance(stream, PipedriveStream)
        for records, following in self._read(stream, part, place):
            yield Page(records, following)

    def _read(
        self, stream: PipedriveStream, part: Slice, place: Place | None
    ) -> Iterator[tuple[pa.Table, Place | None]]:
        params = list_parameters(stream, part)
        if stream.paged == "offset":
            reading = read_numbered(self._asker(stream), stream, params, part, place)
        elif stream.paged == "cursor":
            reading = self._by_cursor(stream, params, part, place)
        else:
            every = self._list(stream, params).records
            reading = iter([(every[: part.max_records or None], None)])
        for records, following in reading:
            table = to_table(records, stream)
            del records  # nobody needs the answer any more while the next one is asked for
            yield table, following

    def _by_cursor(
        self, stream: PipedriveStream, params: dict[str, str], part: Slice, place: Place | None
    ) -> Iterator[tuple[list[msgspec.Raw], Place | None]]:
        left, size = part.max_records, min(part.page_size or stream.page, stream.page)
        cursor, seen = (place["cursor"], place["seen"]) if place else (None, 0)
        trimmed = part.end is not None and stream.windows == "since"
        mark = marker(stream)
        while True:
            params["limit"] = str(min(size, left - seen) if left and not trimmed else size)
            found = self._list(stream, {**params, "cursor": cursor} if cursor else params)
            records = found.records
            if trimmed:
                records = [raw for raw in records if inside(mark(raw), part)]
            records = records[: left - seen] if left else records
            seen += len(records)
            if cursor is not None and found.next_cursor == cursor:
                raise Truncated(f"Pipedrive repeats a page of {stream.name} without end")
            cursor = found.next_cursor
            if not cursor or (left and seen >= left):
                yield records, None
                return
            yield records, {"cursor": cursor, "seen": seen}
            del found, records

    def introduce(self) -> str:
        """The user and the company behind the login."""
        return introduce(self._door)

    def probe(self, stream: Stream, *, sample: bool) -> Probe:
        """The newest record: a sample, and its id is at least the number of records."""
        assert isinstance(stream, PipedriveStream)
        return probe(self._door, stream)

    def price(self, stream: Stream, records: int | None) -> Price:
        """Tokens are paid per page, whatever is on it."""
        assert isinstance(stream, PipedriveStream)
        return whole_price(stream, records)

    def list_ids(self, stream: Stream, ours_by_day: Mapping[date, int]) -> Listing:
        """Every id: there is nothing that counts."""
        assert isinstance(stream, PipedriveStream)
        pages = (page for page, _ in self._read(stream, Slice(), None))
        return list_ids(stream, pages, lambda: self._newest(stream))

    def _newest(self, stream: PipedriveStream) -> Mapping[str, datetime | None]:
        sample = probe(self._door, stream).sample
        return {} if sample is None else self.find(stream, [str(sample["id"])])

    def find(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """By the ``ids`` filter of windowed lists of API v2; other lists cannot be asked."""
        assert isinstance(stream, PipedriveStream)
        if stream.paged != "cursor" or not stream.windowed:
            return {}
        found: dict[str, datetime | None] = {}
        for start in range(0, len(ids), IDS_PER_CALL):
            some = ",".join(ids[start : start + IDS_PER_CALL])
            page = self._list(stream, {**stream.params, "ids": some, "limit": str(IDS_PER_CALL)})
            found.update(alive(stream, to_table(page.records, stream)))
        return found

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _asker(self, stream: PipedriveStream) -> Callable[[Mapping[str, str]], Listed]:
        return lambda params: self._list(stream, params)

    def _list(self, stream: PipedriveStream, params: Mapping[str, str]) -> Listed:
        found: list[Listed] = []

        def read(response: httpx.Response) -> None:
            found.append(read_list(response.read()))

        cost = price("GET", stream.path)
        self._door.fetch(Call("GET", stream.path, dict(params), cost=cost), read)
        return found[-1]


def open_source(settings: PipedriveSettings, budget: Budget, tokens: TokenStore) -> PipedriveSource:
    """Open the account that the settings name."""
    return PipedriveSource(open_door(settings, budget, tokens))
