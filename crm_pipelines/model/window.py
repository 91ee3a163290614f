"""Which part of a stream a run reads, and how that is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

OVERLAP = timedelta(minutes=10)
"""How far a delta reaches back behind the watermark: rows commit late with older stamps."""


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every change of any CRM."""


class Mode(StrEnum):
    """What the person who starts a sync asks for."""

    INCREMENTAL = "incremental"
    FULL = "full"
    WINDOW = "window"
    RETRY = "retry"
    EVENTS = "events"


@dataclass(frozen=True)
class Options:
    """The options of a sync, the same on the command line and in Dagster's launchpad."""

    mode: Mode = Mode.INCREMENTAL
    force_overwrite: bool = False
    since: datetime | None = None
    until: datetime | None = None
    incremental_days: int = 0
    dry_run: bool = False
    batch_size: int = 0
    max_records: int = 0


@dataclass(frozen=True)
class Slice:
    """The records to read: cursor field in ``[start, end)``, aware times; ``None`` is open.

    ``whole`` says that nothing limits the slice, so that what it does not show is gone from the
    CRM. ``moves_watermark`` says that everything up to the run's start is covered by it.
    ``page_size`` is asked of the CRM, 0 for the connector's own choice.
    """

    start: datetime | None = None
    end: datetime | None = None
    max_records: int = 0
    moves_watermark: bool = False
    page_size: int = 0

    @property
    def whole(self) -> bool:
        """Whether every record of the CRM is asked for."""
        return self.start is None and self.end is None and not self.max_records

    @property
    def reaches_all(self) -> bool:
        """Whether nothing is left out, even if what is gone may not be concluded."""
        back = self.start is None or self.start <= BEGINNING
        return back and self.end is None and not self.max_records

    def describe(self) -> str:
        """For people: what this slice covers."""
        limit = f", at most {self.max_records} records" if self.max_records else ""
        if self.start is None and self.end is None:
            return "everything" + limit
        if self.start == BEGINNING and self.end is None:
            return "everything once more, because fields are new" + limit
        since = f"changed since {self.start:%Y-%m-%d %H:%M:%S}" if self.start else "changed"
        until = f" until {self.end:%Y-%m-%d %H:%M:%S}" if self.end else ""
        return since + until + " UTC" + limit


def choose_slice(
    options: Options,
    *,
    windowed: bool,
    watermark: datetime | None,
    window: tuple[datetime, datetime] | None,
    now: datetime,
) -> Slice:
    """What to read, in order of precedence: since, force overwrite, full, window, watermark.

    ``window`` is the sync window (or the range of them) picked in Dagster, ``None`` when it
    covers all of them. A stream without cursor field is always read whole.
    """
    chosen = _choose(options, windowed, watermark, window, now)
    unbounded = chosen.end is None and not options.max_records
    return replace(
        chosen,
        max_records=options.max_records,
        page_size=options.batch_size,
        moves_watermark=chosen.moves_watermark and unbounded,
    )


def reach_back(part: Slice, options: Options) -> Slice:
    """A delta that reads everything once more: fields are new, and no stamp tells of their values.

    It is no full sync: what it does not show may still be there.
    """
    chosen = options.since is not None or options.incremental_days
    if part.start is None or not part.moves_watermark or chosen:
        return part
    return replace(part, start=BEGINNING)


def _choose(
    options: Options,
    windowed: bool,
    watermark: datetime | None,
    window: tuple[datetime, datetime] | None,
    now: datetime,
) -> Slice:
    if not windowed:
        return Slice()
    end = options.until
    since = options.since
    if since is None and options.incremental_days:
        since = now - timedelta(days=options.incremental_days)
    if since is not None:
        reaches_back = watermark is not None and since <= watermark - OVERLAP
        return Slice(since, end, moves_watermark=reaches_back)
    if options.force_overwrite or options.mode is Mode.FULL:
        return Slice(None, end, moves_watermark=True)
    if options.mode is Mode.WINDOW:
        if window is None:
            return Slice(None, end, moves_watermark=True)
        return Slice(*window)
    start = watermark - OVERLAP if watermark else None
    return Slice(start, end, moves_watermark=True)


def day_start(day: date) -> datetime:
    """Midnight UTC at the beginning of a day."""
    return datetime.combine(day, time(), UTC)
