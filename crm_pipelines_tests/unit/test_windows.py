"""Which part of a stream a run reads, and when its watermark may move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.window import OVERLAP, Mode, Options, Slice, choose_slice, day_start

NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
MARK = datetime(2026, 2, 20, 6, 0, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2026, 2, 1, tzinfo=UTC)
WINDOW = (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC))

moments = st.datetimes(datetime(2000, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC))
options = st.builds(
    Options,
    mode=st.sampled_from(Mode),
    force_overwrite=st.booleans(),
    since=st.none() | moments,
    until=st.none() | moments,
    incremental_days=st.integers(0, 400),
    batch_size=st.integers(0, 500),
    max_records=st.integers(0, 1000),
)
windows = st.none() | st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair)))


def chosen(
    given: Options,
    *,
    windowed: bool = True,
    watermark: datetime | None = MARK,
    window: tuple[datetime, datetime] | None = None,
) -> Slice:
    return choose_slice(given, windowed=windowed, watermark=watermark, window=window, now=NOW)


@pytest.mark.parametrize(
    ("wish", "start", "end"),
    [
        ({}, MARK - OVERLAP, None),
        ({"until": UNTIL}, MARK - OVERLAP, UNTIL),
        ({"mode": Mode.FULL}, None, None),
        ({"force_overwrite": True}, None, None),
        ({"mode": Mode.FULL, "until": UNTIL}, None, UNTIL),
        ({"since": SINCE}, SINCE, None),
        ({"incremental_days": 7}, NOW - timedelta(days=7), None),
        ({"mode": Mode.WINDOW}, *WINDOW),
        # What is asked for explicitly comes first, in this order.
        ({"since": SINCE, "force_overwrite": True, "mode": Mode.FULL}, SINCE, None),
        ({"since": SINCE, "mode": Mode.WINDOW}, SINCE, None),
        ({"since": SINCE, "incremental_days": 7}, SINCE, None),
        ({"incremental_days": 7, "mode": Mode.FULL}, NOW - timedelta(days=7), None),
        ({"force_overwrite": True, "mode": Mode.WINDOW}, None, None),
    ],
)
def test_the_order_of_precedence(
    wish: dict[str, Any], start: datetime | None, end: datetime | None
) -> None:
    found = chosen(Options(**wish), window=WINDOW)
    assert (found.start, found.end) == (start, end)


def test_the_first_sync_reads_everything() -> None:
    found = chosen(Options(), watermark=None)
    assert found.whole
    assert found.moves_watermark


def test_all_windows_together_are_a_full_sync() -> None:
    found = chosen(Options(mode=Mode.WINDOW), window=None)
    assert found.whole
    assert found.moves_watermark


@given(options, windows)
def test_a_stream_without_cursor_is_read_whole(
    wish: Options, window: tuple[datetime, datetime] | None
) -> None:
    found = chosen(wish, windowed=False, window=window)
    assert (found.start, found.end) == (None, None)
    assert found.whole is (not wish.max_records)
    assert not found.moves_watermark


@given(options, st.none() | moments, windows)
def test_a_watermark_only_moves_over_what_was_read(
    wish: Options, watermark: datetime | None, window: tuple[datetime, datetime] | None
) -> None:
    found = chosen(wish, watermark=watermark, window=window)
    assert found.max_records == wish.max_records
    assert found.page_size == wish.batch_size
    if found.moves_watermark:
        assert found.end is None
        assert found.max_records == 0
        covered = found.start is None or (
            watermark is not None and found.start <= watermark - OVERLAP
        )
        assert covered


@given(options, st.none() | moments, windows)
def test_whole_means_without_any_limit(
    wish: Options, watermark: datetime | None, window: tuple[datetime, datetime] | None
) -> None:
    found = chosen(wish, watermark=watermark, window=window)
    limits = (found.start, found.end, found.max_records or None)
    assert found.whole is (limits == (None, None, None))


def test_since_must_reach_behind_the_overlap_to_move_the_watermark() -> None:
    """A row that commits late with a stamp just before the watermark would be missed."""
    assert not chosen(Options(since=MARK)).moves_watermark
    assert not chosen(Options(since=MARK - OVERLAP + timedelta(seconds=1))).moves_watermark
    assert chosen(Options(since=MARK - OVERLAP)).moves_watermark
    assert not chosen(Options(since=SINCE), watermark=None).moves_watermark


def test_a_window_never_moves_the_watermark() -> None:
    assert not chosen(Options(mode=Mode.WINDOW), window=WINDOW).moves_watermark


@given(st.dates(date(2015, 1, 1), date(2026, 1, 1)), st.integers(1, 60), st.data())
def test_daily_windows_leave_no_gap_and_do_not_overlap(
    first: date, days: int, data: st.DataObject
) -> None:
    starts = [day_start(first + timedelta(days=number)) for number in range(days + 1)]
    slices = [chosen(Options(mode=Mode.WINDOW), window=pair) for pair in pairwise(starts)]
    end = first + timedelta(days=days)
    moment = data.draw(
        st.datetimes(
            datetime.combine(first, datetime.min.time()),
            datetime.combine(end, datetime.min.time()) - timedelta(microseconds=1),
            timezones=st.just(UTC),
        )
    )
    holding = [s for s in slices if s.start and s.end and s.start <= moment < s.end]
    assert len(holding) == 1
    assert starts[-1] == day_start(end)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Slice(), "everything"),
        (Slice(max_records=5), "everything, at most 5 records"),
        (Slice(SINCE), "changed since 2026-01-01 00:00:00 UTC"),
        (Slice(SINCE, UNTIL), "changed since 2026-01-01 00:00:00 until 2026-02-01 00:00:00 UTC"),
        (Slice(None, UNTIL), "changed until 2026-02-01 00:00:00 UTC"),
    ],
)
def test_a_slice_says_what_it_covers(part: Slice, words: str) -> None:
    assert part.describe() == words
