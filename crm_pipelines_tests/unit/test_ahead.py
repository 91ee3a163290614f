"""Working ahead: the same pieces, the same trouble, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from crm_pipelines.store.ahead import ahead


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
