"""Lists of result pages, and downloads that go on side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from crm_pipelines.connectors.salesforce.downloads import side_by_side
from crm_pipelines.connectors.salesforce.result_pages import read_addresses
from crm_pipelines.model.errors import Truncated

PAGES = [{"resultUrl": "/a"}, {"resultUrl": "/b"}]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"done": False, "nextRecordsUrl": "/more"}, "/more"),
        ({"done": False, "nextRecordUrl": "/more"}, "/more"),
        ({"done": True, "nextRecordsUrl": "/more"}, ""),
        ({"done": True, "nextRecordsUrl": None}, ""),
        ({"nextRecordsUrl": "/more"}, "/more"),
        ({}, ""),
    ],
)
def test_both_spellings_of_the_way_on(body: dict[str, Any], more: str) -> None:
    assert read_addresses({"resultPages": PAGES, **body}) == (("/a", "/b"), more)


@pytest.mark.parametrize("body", [[], None, {"done": True}, {"resultPages": [{}]}])
def test_what_is_no_list_is_told(body: Any) -> None:
    with pytest.raises(Truncated):
        read_addresses(body)


def nothing() -> Iterator[str]:
    return iter(())


def test_no_more_than_so_many_at_once() -> None:
    running, most = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(3, timeout=10)

    def fetch(address: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1
        return address.upper()

    left = threading.Event()
    pages = side_by_side("abcdef", fetch, nothing, at_once=3, left=left)
    assert dict(pages) == {one: one.upper() for one in "abcdef"}
    assert most == 3
    assert not left.is_set()


def test_further_addresses_are_asked_for_until_there_are_none() -> None:
    lists = iter([("c", "d"), ("e",), ()])
    pages = side_by_side("ab", str.upper, lambda: next(lists), at_once=2, left=threading.Event())
    assert sorted(page for _, page in pages) == list("ABCDE")


def test_what_is_under_way_when_one_fails_is_handed_out() -> None:
    failed = threading.Event()

    def fetch(address: str) -> str:
        if address == "a":
            failed.set()
            raise KeyError(address)
        assert failed.wait(10)
        time.sleep(0.2)
        return address

    got = []
    with pytest.raises(KeyError):
        for address, _ in side_by_side("abcdef", fetch, nothing, at_once=3, left=threading.Event()):
            got.append(address)
    assert sorted(got) == ["b", "c"]


def test_who_leaves_early_is_noticed() -> None:
    left, numbers = threading.Event(), count()

    def fetch(address: str) -> int:
        number = next(numbers)
        assert number == 0 or left.wait(10)
        return number

    pages = side_by_side("abc", fetch, nothing, at_once=2, left=left)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert left.is_set()
    assert next(numbers) <= 3
