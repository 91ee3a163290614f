"""Listing every id of a list: the API neither counts nor says what was deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.listed import marker
from crm_pipelines.model.listing import Listing
from crm_pipelines.model.source import RAW

if TYPE_CHECKING:
    import pyarrow as pa

IDS_PER_CALL = 100
"""What the ``ids`` filter of API v2 takes."""


class _Bin(msgspec.Struct):
    is_deleted: bool | None = None


_BIN = msgspec.json.Decoder(_Bin)


def list_ids(
    stream: PipedriveStream,
    pages: Iterable[pa.Table],
    newest: Callable[[], Mapping[str, datetime | None]],
) -> Listing:
    """Ids off whole pages: there is no cheaper way, a page costs the same whatever is on it.

    A list that ends at the end of a page may have been cut there: then the newest record is asked
    for, too, by ``newest``.
    """
    records: dict[str, datetime | None] = {}
    listed = 0
    for page in pages:
        listed += page.num_rows
        records.update(alive(stream, page))
    if listed and listed % stream.page == 0:
        records.update(newest())
    return Listing(records, total=len(records))


def alive(stream: PipedriveStream, records: pa.Table) -> dict[str, datetime | None]:
    """Ids and times of those that are not in the bin."""
    mark = marker(stream)
    texts = [msgspec.Raw(text) for text in records.column(RAW).to_pylist()]
    marks = [mark(text) for text in texts if not _BIN.decode(text).is_deleted]
    return {str(one.identity): one.stamp for one in marks}
