"""Result pages of a finished query job: where they are, and one of them at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from crm_pipelines.connectors.salesforce.addresses import call_at
from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.csv_pages import read_page
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.source import Landing
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx

CEILING = 100_000
"""Records that a page may have whose size Salesforce has chosen, well above what it chooses.

Without a ceiling it may stop in the middle of a huge page.
"""

PARALLEL_SINCE = 58.0
"""The API version in which ``resultPages`` begins (Get Parallel Results for a Query Job)."""

Addresses = tuple[tuple[str, ...], str]
"""Pages that may be downloaded side by side, and where more addresses are: empty at the end."""


class Abandoned(Exception):
    """Nobody wants the page any more."""


class ResultPage:
    """One page, put into a landing as it comes; read anew on every attempt.

    ``locator`` is where the next one begins, empty at the end.
    """

    landing: Landing
    locator: str
    rows: int

    def __init__(
        self, land: Callable[[], Landing], names: Sequence[str], left: threading.Event
    ) -> None:
        self._land, self._names, self._left = land, names, left

    def read(self, response: httpx.Response) -> None:
        """Raises ``Truncated`` when the page is not whole."""
        self.landing, self.rows = self._land(), 0
        for records in read_page(response, self._names):
            if self._left.is_set():
                raise Abandoned
            self.rows += records.num_rows
            self.landing.put(records)
        locator = response.headers.get("sforce-locator")
        self.locator = "" if locator in (None, "null") else str(locator)


class ResultPages:
    """Pages of jobs, each a landing of ``land``. ``names`` are the columns that were asked for,
    ``size`` is how many records a page may have that is asked for by locator."""

    def __init__(
        self, door: Door, land: Callable[[], Landing], names: Sequence[str], size: int
    ) -> None:
        self._door, self._land, self._names, self.size = door, land, names, size
        self.left = threading.Event()

    def behind(self, job: str, version: str, locator: str) -> ResultPage:
        """The page behind a locator, the first one behind none."""
        params = {"maxRecords": str(self.size)} | ({"locator": locator} if locator else {})
        return self._fetch(Call("GET", f"{_path(job, version)}/results", params))

    def at(self, address: str) -> ResultPage:
        """The page at an address."""
        return self._fetch(call_at(address, maxRecords=str(CEILING)))

    def addresses(self, address: str) -> Addresses:
        """A list of pages: that of an address."""
        return read_addresses(decoded(self._door.send(call_at(address)), object))

    def first_addresses(self, job: str, version: str) -> Addresses:
        """The first pages of a job."""
        return self.addresses(f"{_path(job, version)}/resultPages")

    def _fetch(self, call: Call) -> ResultPage:
        page = ResultPage(self._land, self._names, self.left)
        self._door.fetch(call, page.read)
        return page


def read_addresses(body: Any) -> Addresses:
    """A list of pages as Salesforce words it; the way on is spelled in two ways."""
    try:
        pages = tuple(str(page["resultUrl"]) for page in body["resultPages"])
        more = body.get("nextRecordsUrl") or body.get("nextRecordUrl") or ""
    except (TypeError, KeyError, AttributeError) as error:
        raise Truncated(f"Salesforce's list of result pages lacks {error}") from error
    return pages, "" if body.get("done") is True else str(more)


def _path(job: str, version: str) -> str:
    return f"/services/data/v{version}/jobs/query/{job}"
