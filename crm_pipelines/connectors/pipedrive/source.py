"""Reading Pipedrive's lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crm_pipelines.connectors.pipedrive.answers import classify, observe
from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.probe import PAGE, introduce, probe, whole_price
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.connectors.pipedrive.streams import PipedriveStream
from crm_pipelines.model.call import Budget, Call
from crm_pipelines.model.errors import BadCredentials, RetriableError, Truncated
from crm_pipelines.model.json_text import mend_surrogates
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.source import RAW, Page, Place
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.window import Slice
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx


class _More(msgspec.Struct):
    next_cursor: str | None = None


class _List(msgspec.Struct):
    data: list[msgspec.Raw] | None
    success: bool = True
    additional_data: _More | None = None


class _Token:
    """The API token as a login: in a header, never in a URL."""

    def __init__(self, settings: PipedriveSettings) -> None:
        self._token = settings.api_token.get_secret_value()

    def headers(self) -> Mapping[str, str]:
        if not self._token:
            raise BadCredentials("PIPEDRIVE_API_TOKEN is not set")
        return {"x-api-token": self._token}

    def renew(self) -> None:
        """A token cannot be renewed; the next answer says what is wrong with it."""


class PipedriveSource:
    """An opened Pipedrive account."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._decoder = msgspec.json.Decoder(_List)

    def describe(self, stream: Stream) -> tuple[Field, ...]:
        """The declared fields: custom ones live in one column."""
        return (stream.key, *stream.fields)

    def pages(
        self, stream: Stream, part: Slice, place: Place | None, keep: Callable[[Place], None]
    ) -> Iterator[Page]:
        """Pages in the order of ids: a record that changes while we read keeps its turn."""
        assert isinstance(stream, PipedriveStream)
        params = _parameters(stream, part)
        left = part.max_records
        cursor = place.get("cursor") if place else None
        seen = place.get("seen", 0) if place else 0
        while True:
            if cursor:
                params["cursor"] = cursor
            if left and stream.paged != "none":
                params["limit"] = str(min(int(params.get("limit", PAGE)), left - seen))
            found = self._list(stream, params)
            records = found.data or []
            seen += len(records)
            if left and stream.paged == "none":
                records = records[:left]
            cursor = found.additional_data.next_cursor if found.additional_data else None
            done = not cursor or bool(left and seen >= left)
            yield Page(_table(records), None if done else {"cursor": cursor, "seen": seen})
            if done:
                return

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

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _list(self, stream: PipedriveStream, params: Mapping[str, str]) -> _List:
        found: list[_List] = []

        def read(response: httpx.Response) -> None:
            found.append(self._decode(response.read()))

        cost = price("GET", stream.path)
        self._door.fetch(Call("GET", stream.path, dict(params), cost=cost), read)
        return found[-1]

    def _decode(self, body: bytes) -> _List:
        try:
            page = self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            mended = mend_surrogates(body)
            if mended == body:
                raise Truncated(f"Pipedrive's answer is not whole ({error})") from error
            return self._decode(mended)
        if not page.success:
            raise RetriableError("Pipedrive says 200, and that it failed")
        return page


def open_source(settings: PipedriveSettings, budget: Budget) -> PipedriveSource:
    """Open the account that the settings name."""
    return PipedriveSource(
        Door(
            "Pipedrive",
            settings.url,
            budget=budget,
            login=_Token(settings),
            classify=classify,
            observe=observe,
        )
    )


def _parameters(stream: PipedriveStream, part: Slice) -> dict[str, str]:
    if stream.paged == "none":
        return dict(stream.params)
    params = {**stream.params, "limit": str(min(part.page_size or PAGE, PAGE))}
    if not stream.name.endswith("_fields"):
        params.update(sort_by="id", sort_direction="asc")
    if part.start is not None:
        params["updated_since"] = _second(part.start)
    if part.end is not None:
        params["updated_until"] = _second(part.end, up=True)
    return params


def _second(moment: datetime, *, up: bool = False) -> str:
    """RFC 3339 in whole seconds: the API rejects fractions."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    if up and whole < moment:
        whole += timedelta(seconds=1)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(records: list[Any]) -> Any:
    import pyarrow as pa

    return pa.table({RAW: pa.array([bytes(record) for record in records], pa.binary())})
