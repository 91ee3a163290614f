"""What one phase hands to the next: which chunks lie in the staging store, never the data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Options, Slice


@dataclass(frozen=True)
class Chunk:
    """One file in the staging store, by its path below the store's root.

    Where there are no rows there may be no file.
    """

    path: str
    rows: int


@dataclass(frozen=True)
class Manifest:
    """The state of one stream's run between two phases; plain values, JSON-ready.

    ``key`` names the run's folder in the staging store and its checkpoint: it stays the same
    when the run is executed again. ``raw`` are the chunks as fetched, number by number those
    that ``chunks`` was made from; ``unchanged`` are the keys of records that were left out of
    them on the way, because the mirror holds them just so. ``complete`` says that the fetch saw
    all of its slice. ``started_at`` is when the fetch began, which is what the watermark may move
    to. ``notes`` are counts and remarks for the run's metadata.
    """

    key: str
    workspace: str
    crm: str
    stream: str
    options: Options
    slice: Slice
    started_at: datetime
    fields: tuple[Field, ...]
    chunks: tuple[Chunk, ...] = ()
    raw: tuple[Chunk, ...] = ()
    rejected: tuple[Chunk, ...] = ()
    unchanged: tuple[Chunk, ...] = ()
    complete: bool = True
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Records in the chunks."""
        return sum(chunk.rows for chunk in self.chunks)

    def advance(self, **changes: Any) -> Manifest:
        """A copy with some values changed and ``notes`` merged."""
        notes = {**self.notes, **changes.pop("notes", {})}
        return replace(self, notes=notes, **changes)


@dataclass(frozen=True)
class Outcome:
    """What a run of one stream did, as the statements counted it."""

    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0
    api_calls: int = 0
    tokens: int = 0
