"""What a connector offers the phases: a description of its fields and pages of raw records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from crm_pipelines.model.listing import Listing
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.window import Slice

if TYPE_CHECKING:
    import pyarrow as pa

Place = Mapping[str, Any]
"""Where a fetch is: page token, job id, locator. JSON-ready, opaque to everybody else."""

RAW = "_raw"
"""Name of the column that holds a record as JSON text, where a page is JSON."""


class Landing(Protocol):
    """Where the records of a large page are put down while they arrive.

    They count once the page has been yielded; an attempt that fails is followed by a new landing.
    Several may be filled at the same time, each by one thread.
    """

    def put(self, records: pa.Table) -> None:
        """The next records of the page."""


@dataclass(frozen=True)
class Page:
    """Some records as they came, and the place behind them (``None``: that was the last page).

    ``records`` is a table or the landing that holds them: one ``_raw`` column of JSON texts, one
    ``_line`` column of CSV (see ``csv_lines``), or one text column per CRM field. ``way`` says in
    words how it was asked for, where a connector has a choice.
    """

    records: pa.Table | Landing
    next_place: Place | None
    way: str = ""


class Source(Protocol):
    """An opened connector: logged in, its calls counted and paid for."""

    def describe(self, stream: Stream) -> tuple[Field, ...]:
        """The fields the CRM has for this stream now, the key first."""

    def pages(
        self,
        stream: Stream,
        part: Slice,
        place: Place | None,
        keep: Callable[[Place], None],
        land: Callable[[], Landing],
    ) -> Iterator[Page]:
        """Pages of a slice, from ``place`` on if given.

        A page that is large is put into a ``land()`` bit by bit, never held as a whole.

        ``keep`` stores a place between pages (a job that was created but not yet read), so that
        nothing that was paid for is ordered twice. Raises ``BudgetSpent`` with the pages so far
        safely yielded, ``CrmError`` otherwise.
        """

    def introduce(self) -> str:
        """Who we are there, in words, after one cheap call that needs the login."""

    def probe(self, stream: Stream, *, sample: bool) -> Probe:
        """How large a stream is, for one cheap call at most; a sample record if asked for."""

    def price(self, stream: Stream, records: int | None) -> Price:
        """What reading a stream of so many records whole will take. Sends nothing."""

    def list_ids(self, stream: Stream, ours_by_day: Mapping[date, int]) -> Listing:
        """Who is there now, of a windowed stream: all, or (where the CRM can count cheaply) only
        of the days on which it counts otherwise than the mirror does."""

    def find(self, stream: Stream, ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """Those of a few ids that are alive, with their cursor field; nothing for a stream that
        cannot be asked for ids."""

    def close(self) -> None:
        """Let go of connections."""
