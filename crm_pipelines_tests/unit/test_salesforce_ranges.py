"""Ranges of a large slice: as large as each other, next to each other, nothing left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from crm_pipelines.connectors.salesforce.ranges import Range, divide, restore, store
from crm_pipelines.model.window import Slice

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = date(2025, 1, 1)


def days(*counts: int) -> dict[date, int]:
    return {FIRST + timedelta(days=number): count for number, count in enumerate(counts)}


def held(one: Range, by_day: dict[date, int]) -> int:
    """Records of a range, all of them at noon."""
    noons = {datetime(day.year, day.month, day.day, 12, tzinfo=UTC): n for day, n in by_day.items()}
    return sum(
        count
        for noon, count in noons.items()
        if (one.start is None or one.start <= noon) and (one.end is None or noon < one.end)
    )


def test_about_as_many_each() -> None:
    by_day = days(*(number % 7 * 10 for number in range(400)))
    ranges = divide(Slice(), by_day, 5, NOW)
    share = sum(by_day.values()) / 5
    counts = [held(one, by_day) for one in ranges]
    assert len(ranges) == 6
    assert sum(counts) == sum(by_day.values())
    assert all(abs(count - share) <= 150 for count in counts[:-1])


def test_a_heavy_day_leaves_no_crumbs() -> None:
    assert len(divide(Slice(), days(1_000, 1, 1, 1, 1), 4, NOW)) == 3


@pytest.mark.parametrize("pieces", [2, 3, 9])
@pytest.mark.parametrize("end", [None, NOW + timedelta(days=1), NOW - timedelta(days=30)])
@pytest.mark.parametrize("start", [None, datetime(2025, 1, 3, 9, tzinfo=UTC)])
def test_next_to_each_other(start: datetime | None, end: datetime | None, pieces: int) -> None:
    ranges = divide(Slice(start, end), days(1, 50, 3, 0, 90, 1, 1, 8, 2), pieces, NOW)
    assert (ranges[0].start, ranges[-1].end) == (start, end)
    assert all(one.end == following.start for one, following in pairwise(ranges))
    assert all(one.start < one.end for one in ranges if one.start and one.end)


def test_what_changes_meanwhile_is_for_the_closing_range() -> None:
    *others, closing = divide(Slice(), days(5, 5, 5), 3, NOW)
    midnight = NOW.replace(hour=0)
    assert (closing.start, closing.end, closing.closing) == (midnight, None, True)
    assert not any(one.closing for one in others)
    just_after = divide(Slice(), days(5, 5, 5), 3, midnight + timedelta(minutes=5))
    assert just_after[-1].start == midnight - timedelta(days=1)  # for what commits late
    long_ago = Slice(None, NOW - timedelta(days=100))
    assert not any(one.closing for one in divide(long_ago, days(5, 5, 5), 3, NOW))


@pytest.mark.parametrize("by_day", [days(), days(1_000), days(0, 1_000, 0)])
def test_what_cannot_be_divided_stays_whole(by_day: dict[date, int]) -> None:
    assert divide(Slice(), by_day, 4, NOW) == [Range()]


def test_a_place_gives_back_what_was_stored() -> None:
    ranges = [
        Range(None, NOW, job="750", version="64.0", finished=True, rows=9, addresses=("/a", "/b")),
        Range(NOW, None, closing=True),
    ]
    place = store(ranges)
    assert place is not None
    assert restore(place) == ranges
    assert store([]) is None
    assert restore({"job": "750", "locator": "x"}) == []
