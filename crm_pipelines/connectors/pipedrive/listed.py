"""A page of a list as it came: its records untouched, and what it says of the next page."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.model.errors import RetriableError, Truncated
from crm_pipelines.model.json_text import mend_surrogates
from crm_pipelines.model.source import RAW
from crm_pipelines.model.window import Slice

if TYPE_CHECKING:
    import pyarrow as pa

_CUSTOM = re.compile(r"[0-9a-f]{40}(_\w+)?")
"""A custom field's code; v1 keeps parts of a value (currency, until) beside it with a suffix."""


class Paging(msgspec.Struct):
    """What v1 says of numbered pages."""

    start: int = 0
    limit: int = 0
    more_items_in_collection: bool = False
    next_start: int | None = None


class More(Paging):
    """v2 gives a cursor; v1 its paging, in an object of its own or (leads, fields) right here."""

    next_cursor: str | None = None
    pagination: Paging | None = None


class Listed(msgspec.Struct):
    """One answer of a list."""

    data: list[msgspec.Raw] | None
    success: bool = True
    additional_data: More | None = None

    @property
    def records(self) -> list[msgspec.Raw]:
        """The records; v1 writes an empty page as null."""
        return self.data or []

    @property
    def next_cursor(self) -> str | None:
        """Where v2 goes on."""
        return self.additional_data.next_cursor if self.additional_data else None

    @property
    def next_start(self) -> int | None:
        """Where v1 goes on. Counted by the API: records we may not see have numbers, too."""
        found = self.additional_data
        paging = found.pagination or found if found else None
        if paging is None or not paging.more_items_in_collection:
            return None
        return paging.next_start or paging.start + (paging.limit or len(self.records))


_LISTED = msgspec.json.Decoder(Listed)


def read_list(body: bytes) -> Listed:
    """Decode an answer. Raises ``Truncated`` for one that is not whole."""
    try:
        page = _LISTED.decode(body)
    except msgspec.MsgspecError as error:
        mended = mend_surrogates(body)
        if mended == body:
            raise Truncated(f"Pipedrive's answer is not whole ({error})") from error
        return read_list(mended)
    if not page.success:
        raise RetriableError("Pipedrive says 200, and that it failed")
    return page


class Mark(msgspec.Struct):
    """What paging needs to know of a record."""

    identity: Any
    stamp: datetime | None

    def before(self, moment: datetime | None) -> bool:
        """Whether the record was last changed before the (whole) second of a moment."""
        return bool(moment and self.stamp and self.stamp < moment.replace(microsecond=0))


def marker(stream: PipedriveStream) -> Callable[[msgspec.Raw], Mark]:
    """From a record to its mark. A time that cannot be read counts as none."""
    key, cursor = stream.key.source, stream.cursor_field

    def mark(raw: msgspec.Raw) -> Mark:
        record = json.loads(bytes(raw))
        stamp = record.get(cursor) if cursor else None
        return Mark(record.get(key), _moment(stamp))

    return mark


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def inside(mark: Mark, part: Slice) -> bool:
    """Whether a record is in the slice, as far as its time tells; without one it is kept."""
    if mark.stamp is None:
        return part.start is None
    return not mark.before(part.start) and not (part.end and mark.stamp >= part.end)


def to_table(records: list[msgspec.Raw], stream: PipedriveStream) -> pa.Table:
    """Records as the phases want them: JSON texts, custom fields under one key."""
    import pyarrow as pa

    texts = [_gather(raw) for raw in records] if stream.gathers else records
    ends = array("i", accumulate((memoryview(text).nbytes for text in texts), initial=0))
    # joined here, a page is copied once; Arrow would have each record as an object of its own
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    return pa.table({RAW: pa.Array.from_buffers(pa.binary(), len(texts), buffers)})


def _gather(raw: msgspec.Raw) -> bytes:
    """The v1 record with its custom fields under ``custom_fields``, values untouched."""
    record = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    custom = {name: value for name, value in record.items() if _CUSTOM.fullmatch(name)}
    others = {name: value for name, value in record.items() if name not in custom}
    return msgspec.json.encode({**others, "custom_fields": custom})
