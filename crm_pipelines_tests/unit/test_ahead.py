"""Working ahead: the same pieces, the same trouble, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from crm_pipelines.store.ahead import abreast, ahead


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_pieces_come_whole_and_in_order() -> None:
    with ahead(iter(range(1000))) as pieces:
        assert list(pieces) == list(range(1000))
    assert workers() == []


def test_trouble_comes_after_the_pieces_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("no room")

    seen: list[int] = []
    with pytest.raises(OSError, match="no room"), ahead(failing()) as pieces:
        seen.extend(iter([next(pieces)]))
        next(pieces)
    assert seen == [1]
    assert workers() == []


def test_who_leaves_early_leaves_no_thread() -> None:
    with pytest.raises(ValueError, match="enough"), ahead(iter(range(10**9))) as pieces:
        assert next(pieces) == 0
        raise ValueError("enough")
    assert workers() == []


def slowest_first(number: int) -> int:
    time.sleep(0.02 if number % 2 == 0 else 0)
    return number * 10


def crew() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("abreast")]


def test_results_come_in_the_order_of_the_pieces() -> None:
    with abreast(slowest_first, range(9)) as results:
        assert list(results) == [number * 10 for number in range(9)]
    assert crew() == []


def test_pieces_are_worked_on_at_the_same_time() -> None:
    both = threading.Barrier(2)
    with abreast(lambda _: both.wait(30), range(2), 2) as results:
        assert sorted(results) == [0, 1]


def test_only_a_few_results_wait_to_be_taken() -> None:
    begun: list[int] = []
    with abreast(lambda number: begun.append(number), range(100), 2) as results:
        next(results)
        time.sleep(0.05)
        assert len(begun) <= 4
        list(results)
    assert sorted(begun) == list(range(100))


def test_trouble_comes_in_its_turn() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise OSError("no room")
        return number

    seen: list[int] = []
    with pytest.raises(OSError, match="no room"), abreast(work, range(100)) as results:
        seen.extend(results)
    assert seen == [0, 1, 2]
    assert max(begun) < 10
    assert crew() == []
