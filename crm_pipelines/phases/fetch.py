"""Fetch: land a slice of a stream in the staging store, untouched. The only phase that pays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from crm_pipelines.model.drift import keep_names, unfilled
from crm_pipelines.model.errors import CrmError
from crm_pipelines.model.manifest import Chunk, Manifest
from crm_pipelines.model.source import Page, Place, Source
from crm_pipelines.model.stream import Field, Stream
from crm_pipelines.model.window import Options, Slice, reach_back
from crm_pipelines.store.checkpoints import Checkpoint, Checkpoints
from crm_pipelines.store.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

PHASE = "fetch"
CHUNK = 4 << 20
"""Bytes of a page's records that are stored together: what every later phase holds at a time."""

Progress = Callable[[int, str], None]
"""Told how many records have come so far, and by which way."""


class Purse(Protocol):
    """What a fetch has spent so far."""

    calls: int
    tokens: int


def fetch(
    *,
    key: str,
    workspace: str,
    crm: str,
    stream: Stream,
    options: Options,
    part: Slice,
    now: datetime,
    open_source: Callable[[], Source],
    purse: Purse,
    staging: Staging,
    checkpoints: Checkpoints,
    progress: Progress,
    opened: Callable[[Checkpoint], object],
    known: tuple[Field, ...] = (),
) -> Manifest:
    """Every page of the slice as a chunk, going on from a checkpoint where there is one.

    Raises ``BudgetSpent`` and other ``CrmError``s with the place kept, so that the same call
    made again pays for nothing twice. ``opened`` is handed the checkpoint, which tells at any
    time what has been read and paid for. ``known`` are the fields as the last sync saw them: a
    delta that finds new ones reads everything once more.
    """
    with closing(_Lazy(open_source)) as source:

        def describe() -> tuple[Field, ...]:
            staging.prepare(key)  # a store that cannot be used is noticed before any call
            fields = source.open().describe(stream)
            return fields if stream.fields else keep_names(known, fields)

        checkpoint = checkpoints.open(
            key,
            workspace=workspace,
            crm=crm,
            stream=stream.name,
            part=part,
            now=now,
            usable=lambda found: all(staging.has(chunk) for chunk in found.chunks),
            describe=describe,
        )
        opened(checkpoint)
        part = reach_back(part, options) if unfilled(known, checkpoint.fields) else part
        with _left_to_others(checkpoints, checkpoint):
            way = _read_on(stream, part, source, purse, staging, checkpoints, checkpoint, progress)
    return Manifest(
        key=checkpoint.key,
        workspace=workspace,
        crm=crm,
        stream=stream.name,
        options=options,
        slice=part,
        started_at=checkpoint.started_at,
        fields=checkpoint.fields,
        chunks=tuple(checkpoint.chunks),
        raw=tuple(checkpoint.chunks),
        notes={"read_by": way, **_spent(checkpoint)},
    )


@contextmanager
def _left_to_others(checkpoints: Checkpoints, checkpoint: Checkpoint) -> Iterator[None]:
    """A fetch that breaks off lets go of its checkpoint."""
    try:
        yield
    except BaseException:
        checkpoints.release(checkpoint.key)
        raise


def _spent(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "api_calls": checkpoint.api_calls,
        "tokens": checkpoint.tokens,
        "resumed": checkpoint.resumed,
    }


class _Lazy:
    """A source that is opened (and logged in) only if something is asked of it."""

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open_source = open_source
        self._source: Source | None = None

    def open(self) -> Source:
        if self._source is None:
            self._source = self._open_source()
        return self._source

    def close(self) -> None:
        if self._source is not None:
            self._source.close()


def _read_on(
    stream: Stream,
    part: Slice,
    source: _Lazy,
    purse: Purse,
    staging: Staging,
    checkpoints: Checkpoints,
    checkpoint: Checkpoint,
    progress: Progress,
) -> str:
    """Every page that is still to come; by which way they came."""
    if checkpoint.complete:
        return ""
    calls, tokens = checkpoint.api_calls, checkpoint.tokens

    def settle(place: Place | None) -> None:
        checkpoint.place = place
        checkpoint.api_calls, checkpoint.tokens = calls + purse.calls, tokens + purse.tokens

    def keep(place: Place) -> None:
        settle(place)
        checkpoints.keep(checkpoint)

    numbers = itertools.count()

    def land() -> Pier:
        return Pier(staging, checkpoint.key, next(numbers))

    way = ""
    rows = sum(chunk.rows for chunk in checkpoint.chunks)
    try:
        for page in source.open().pages(stream, part, checkpoint.place, keep, land):
            settle(page.next_place)
            chunks = _settle(page, land, len(checkpoint.chunks))
            checkpoint.complete = page.next_place is None
            checkpoints.keep(checkpoint, *chunks)
            rows += sum(chunk.rows for chunk in chunks)
            way = page.way
            progress(rows, way)
    except BaseException as error:
        settle(checkpoint.place)
        if isinstance(error, CrmError):
            checkpoints.keep(checkpoint)
        raise
    if calls + purse.calls != checkpoint.api_calls:  # tidying up costs, too
        settle(None)
        checkpoints.keep(checkpoint)
    return way


class Pier:
    """Where the records of one page lie until it is whole.

    ``number`` tells it from others, which may be filled at the same time.
    """

    def __init__(self, staging: Staging, key: str, number: int) -> None:
        self._staging, self._key, self._number = staging, key, number
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._landed: list[Chunk] = []

    def put(self, records: pa.Table) -> None:
        """The next records of the page."""
        if records.num_rows:
            self._waiting.append(records)
            self._bytes += records.nbytes
        if self._bytes >= CHUNK:
            self._land()

    def settle(self, first: int) -> list[Chunk]:
        """The page is whole: the chunks that hold it, numbered from ``first`` on."""
        if self._waiting:
            self._land()
        return [
            self._staging.settle(part, number) for number, part in enumerate(self._landed, first)
        ]

    def _land(self) -> None:
        import pyarrow as pa

        name = f"{self._number:06d}-{len(self._landed)}"
        records = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting.clear()
        self._bytes = 0
        self._landed.append(self._staging.land(self._key, PHASE, name, records))


def _settle(page: Page, land: Callable[[], Pier], first: int) -> list[Chunk]:
    """The chunks of a page that is whole."""
    pier = page.records
    if not isinstance(pier, Pier):
        pier = land()
        pier.put(page.records)
    return pier.settle(first)
