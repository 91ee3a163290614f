"""Pages by number, read while records come and go: whatever was there all the time is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.listed import Listed, read_list
from crm_pipelines.connectors.pipedrive.numbered_pages import OVERLAP, read_numbered
from crm_pipelines.connectors.pipedrive.streams import STREAMS
from crm_pipelines.model.errors import RetriableError, Truncated
from crm_pipelines.model.source import Place
from crm_pipelines.model.window import Slice

NOTES, FILES = (
    next(stream for stream in STREAMS if stream.name == name) for name in ("notes", "files")
)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(minutes: int) -> str:
    return (FIRST + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")


class Shelf:
    """Records in an order, listed by number; ``meddle`` is called before every page but one."""

    def __init__(self, ids: list[int], meddle: Callable[[Shelf], None] | None = None) -> None:
        self.rows = {number: stamp(number) for number in ids}
        self.starts: list[int] = []
        self._meddle = meddle

    def ask(self, params: Mapping[str, str]) -> Listed:
        start, limit = int(params["start"]), int(params["limit"])
        if self.starts and self._meddle:
            self._meddle(self)
        self.starts.append(start)
        order = sorted(self.rows, key=lambda n: (self.rows[n], n), reverse="DESC" in params["sort"])
        page = [{"id": n, "update_time": self.rows[n]} for n in order[start : start + limit]]
        more = len(order) > start + limit
        paging: dict[str, Any] = {"start": start, "limit": limit, "more_items_in_collection": more}
        if more:
            paging["next_start"] = start + limit
        body = {"success": True, "data": page or None, "additional_data": {"pagination": paging}}
        return read_list(msgspec.json.encode(body))


def read(
    shelf: Shelf,
    stream: PipedriveStream = NOTES,
    part: Slice | None = None,
    place: Place | None = None,
    sort: str = "id ASC",
) -> list[int]:
    part = part or Slice(page_size=20)
    pages = read_numbered(shelf.ask, stream, {"sort": sort}, part, place)
    return [msgspec.json.decode(raw)["id"] for records, _ in pages for raw in records]


def test_a_quiet_list_is_read_once() -> None:
    shelf = Shelf(list(range(95)))
    assert read(shelf) == list(range(95))
    assert shelf.starts == [0, 10, 20, 30, 40, 50, 60, 70, 80]


def test_large_pages_share_few_records() -> None:
    shelf = Shelf(list(range(1200)))
    assert read(shelf, part=Slice()) == list(range(1200))
    assert shelf.starts == [0, 500 - OVERLAP, 1000 - 2 * OVERLAP]


@pytest.mark.parametrize("gone", [1, OVERLAP, OVERLAP + 1, 25, 60])
def test_records_deleted_on_pages_already_read_hide_nothing(gone: int) -> None:
    def delete(shelf: Shelf) -> None:
        if len(shelf.starts) == 5:
            for number in sorted(shelf.rows)[:gone]:
                del shelf.rows[number]

    shelf = Shelf(list(range(200)), delete)
    assert set(read(shelf)) == set(range(200))


def test_a_list_that_shrinks_below_the_page_is_begun_anew() -> None:
    def delete(shelf: Shelf) -> None:
        shelf.rows = {number: at for number, at in shelf.rows.items() if number > 35}

    found = read(Shelf(list(range(40)), delete))
    assert set(found) >= {36, 37, 38, 39}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_was_there_all_the_time_is_found(data: st.DataObject) -> None:
    ids = list(range(data.draw(st.integers(0, 120))))
    touched: set[int] = set()

    def meddle(shelf: Shelf) -> None:
        for number in data.draw(st.lists(st.sampled_from(ids), max_size=12)) if ids else []:
            touched.add(number)
            shelf.rows.pop(number, None)
        for number in data.draw(st.lists(st.integers(200, 240), max_size=3)):
            shelf.rows[number] = stamp(number)

    shelf = Shelf(ids, meddle)
    found = set(read(shelf, part=Slice(page_size=data.draw(st.sampled_from([4, 20, 500])))))
    assert found >= set(ids) - touched


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_newest_first_finds_what_nobody_changed_meanwhile(data: st.DataObject) -> None:
    """What is changed while we read moves to the front; the next delta has it."""
    ids = list(range(80))
    touched: set[int] = set()
    clock = iter(range(100, 10_000))

    def meddle(shelf: Shelf) -> None:
        for number in data.draw(st.lists(st.sampled_from(ids), max_size=4)):
            touched.add(number)
            if data.draw(st.booleans()):
                shelf.rows[number] = stamp(next(clock))
            else:
                shelf.rows.pop(number, None)

    since = data.draw(st.integers(0, 79))
    part = Slice(FIRST + timedelta(minutes=since), page_size=10)
    found = read(Shelf(ids, meddle), FILES, part, sort="update_time DESC, id DESC")
    assert set(found) >= set(range(since, 80)) - touched
    assert all(number >= since or number in touched for number in found)


def test_newest_first_stops_at_what_is_older() -> None:
    shelf = Shelf(list(range(1000)))
    part = Slice(FIRST + timedelta(minutes=990))
    found = read(shelf, FILES, part, sort="update_time DESC, id DESC")
    assert sorted(found) == list(range(990, 1000))
    assert shelf.starts == [0]


def test_the_end_of_a_window_is_kept_although_the_api_knows_none() -> None:
    part = Slice(None, FIRST + timedelta(minutes=30))
    assert read(Shelf(list(range(50))), part=part) == list(range(30))


def test_reading_goes_on_where_it_was_left() -> None:
    shelf = Shelf(list(range(70)))
    pages = list(read_numbered(shelf.ask, NOTES, {"sort": "id"}, Slice(page_size=20), None))
    for number, (_, place) in enumerate(pages[:-1]):
        before = sum(len(records) for records, _ in pages[: number + 1])
        assert read(shelf, place=place) == list(range(before, 70))


def test_at_most_so_many_records() -> None:
    shelf = Shelf(list(range(70)))
    assert read(shelf, part=Slice(max_records=25, page_size=20)) == list(range(25))
    assert len(shelf.starts) == 2


def test_records_we_may_not_see_have_numbers_too() -> None:
    """The API says where it goes on; counting what came would read the same ones again."""

    def ask(params: Mapping[str, str]) -> Listed:
        start = int(params["start"])
        page = [{"id": n} for n in range(start, start + 20) if n % 2 and n < 60]
        paging = {"start": start, "limit": 20, "more_items_in_collection": start < 40}
        body = {"success": True, "data": page, "additional_data": paging}
        return read_list(msgspec.json.encode(body))

    pages = read_numbered(ask, NOTES, {}, Slice(page_size=20), None)
    found = [msgspec.json.decode(raw)["id"] for records, _ in pages for raw in records]
    assert found == [n for n in range(60) if n % 2]


def test_an_answer_that_is_cut_or_says_it_failed() -> None:
    with pytest.raises(Truncated):
        read_list(b'{"success": true, "data": [{"id":')
    with pytest.raises(RetriableError):
        read_list(b'{"success": false, "data": null}')
