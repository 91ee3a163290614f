"""Numbered pages (API v1), read so that nothing is lost while records come and go.

A page by number moves up when a record before it is deleted, and what slips over its edge would
never be seen. So every page begins a few records before the end of the last one: as long as one
of those shows again, nothing lies between. If none does, more were deleted than that: the page
before is read once more. Records that move down (new ones above them) only come twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.listed import Listed, Mark, inside, marker
from crm_pipelines.model.source import Place
from crm_pipelines.model.window import Slice

OVERLAP = 10
"""Records that two pages share; so many may be deleted between two calls at no extra cost."""

Ask = Callable[[Mapping[str, str]], Listed]
Rows = Sequence[tuple[Mark, msgspec.Raw]]


def read_numbered(
    ask: Ask, stream: PipedriveStream, params: Mapping[str, str], part: Slice, place: Place | None
) -> Iterator[tuple[list[msgspec.Raw], Place | None]]:
    """Records of the slice page by page, and the place behind each."""
    size = max(2, min(part.page_size or stream.page, stream.page))
    shared = min(OVERLAP, size // 2)
    mark = marker(stream)
    at = place or {"start": 0, "tail": [], "seen": 0}
    while True:
        start, tail, seen = at["start"], at["tail"], at["seen"]
        found = ask({**params, "start": str(start), "limit": str(size)})
        rows = [(mark(raw), raw) for raw in found.records]
        fresh = _behind(tail, rows)
        if fresh is None and start:
            at = {**at, "start": max(0, start - size)}
            continue
        fresh = rows if fresh is None else fresh
        wanted = [raw for one, raw in fresh if inside(one, part)]
        wanted = wanted[: part.max_records - seen] if part.max_records else wanted
        seen += len(wanted)
        following = found.next_start
        full = bool(part.max_records and seen >= part.max_records)
        if following is None or full or _passed(stream, part, rows):
            yield wanted, None
            return
        tail = [one.identity for one, _ in rows[-shared:]] or tail
        at = {"start": max(start + 1, following - shared), "tail": tail, "seen": seen}
        yield wanted, at


def _behind(tail: Sequence[Any], rows: Rows) -> Rows | None:
    """The rows behind the last one known; ``None`` when no known one is among them."""
    if not tail:
        return rows
    known = [number for number, (one, _) in enumerate(rows) if one.identity in tail]
    return rows[known[-1] + 1 :] if known else None


def _passed(stream: PipedriveStream, part: Slice, rows: Rows) -> bool:
    """Whether the newest come first and these are older than the slice already."""
    return stream.windows == "newest" and any(one.before(part.start) for one, _ in rows)
