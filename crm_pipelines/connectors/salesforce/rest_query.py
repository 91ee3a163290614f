"""A small slice read by plain REST queries: pages of JSON, turned into what bulk pages are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from crm_pipelines.connectors.salesforce.addresses import call_at
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import GoneError, Truncated
from crm_pipelines.model.source import Page, Place
from crm_pipelines.model.stream import Field
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

WAY = "REST query"

LONGEST = 12_000
"""Characters of a query in an address; with the headers Salesforce takes 16,384 bytes of it."""

BEGINNINGS = 3
"""How often a query is asked from its beginning before it is given up."""

_DECODER = msgspec.json.Decoder(float_hook=str)
"""Numbers stay as they are spelled: a float holds less than Salesforce does."""


class RestQuery:
    """One query; ``size`` is how many records a page may have, 0 for Salesforce's choice."""

    def __init__(
        self, door: Door, path: str, soql: str, fields: Sequence[Field], size: int
    ) -> None:
        self._door, self._path, self._soql = door, path, soql
        self._fields = fields
        self._headers = {"Sforce-Query-Options": f"batchSize={size}"} if size else {}

    def pages(self, place: Place | None) -> Iterator[Page]:
        """Every page from the place on. A query whose place is lost, or whose pages do not hold
        what was promised (records may go while it is read), begins anew."""
        for left in reversed(range(BEGINNINGS)):
            try:
                yield from self._read(place)
            except (GoneError, _Incomplete):
                if not left:
                    raise
                place = None
            else:
                return

    def _read(self, place: Place | None) -> Iterator[Page]:
        following, seen = (place["query"], int(place["seen"])) if place else ("", 0)
        while True:
            page = _Answer(self._fields, whole=not following)
            self._door.fetch(self._call(following), page.read)
            if page.following and page.following == following:
                raise _Incomplete("a page of a query names itself as the next")
            following, seen = page.following, seen + page.records.num_rows
            if not following and seen < page.total:
                raise _Incomplete(
                    f"Salesforce promised {page.total} records for a query and sent {seen}: "
                    "run the same command again"
                )
            yield Page(page.records, {"query": following, "seen": seen} if following else None, WAY)
            if not following:
                return

    def _call(self, following: str) -> Call:
        if following:
            return call_at(following, self._headers)
        return Call("GET", self._path, {"q": self._soql}, headers=self._headers)


class _Incomplete(Truncated):
    """All pages together hold less than was promised."""


class _Answer:
    """One page; read anew on every attempt. ``whole`` says that there is none before it."""

    records: pa.Table
    total: int
    following: str

    def __init__(self, fields: Sequence[Field], *, whole: bool) -> None:
        self._fields, self._whole = fields, whole

    def read(self, response: httpx.Response) -> None:
        """Raises ``Truncated`` when the page is not whole."""
        response.read()
        try:
            body = _DECODER.decode(response.content)
            found, self.total = body["records"], int(body["totalSize"])
            self.following = "" if body["done"] else str(body["nextRecordsUrl"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise Truncated(f"Salesforce's answer to a query is not whole ({error})") from error
        if self._whole and not self.following and len(found) < self.total:
            raise Truncated(
                f"Salesforce promised {self.total} records for a query and sent {len(found)}"
            )
        self.records = as_texts(found, self._fields)


def as_texts(records: Sequence[dict[str, Any]], fields: Sequence[Field]) -> pa.Table:
    """Records as a page of bulk results has them: a column of texts for every field."""
    import pyarrow as pa

    return pa.table(
        {
            field.source: pa.array([_text(one.get(field.source)) for one in records], pa.string())
            for field in fields
        }
    )


def read_count(answer: Callable[[], httpx.Response]) -> int:
    """What a query for ``COUNT()`` was answered. Raises ``Truncated``."""
    try:
        return int(_DECODER.decode(answer().content)["totalSize"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise Truncated(f"Salesforce's answer to a count is none ({error})") from error


def _text(value: Any) -> str | None:
    """As CSV spells it; empty is null there."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    return msgspec.json.encode(value).decode()
