"""Working ahead: the next pieces are made in threads while the last one is being used.

Arrow, compression and sockets release the interpreter, so two cores are busy instead of one.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

WORKERS = 2
"""Pieces that are worked on at once. More take more memory and wait for the disk."""

_END = object()


@contextmanager
def abreast(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], workers: int = WORKERS
) -> Iterator[Iterator[Result]]:
    """What ``work`` makes of every piece, in the order of the pieces, several at a time.

    At most one result more than there are workers waits to be taken. What goes wrong is raised
    when its turn comes; nothing is begun after that. The threads have ended when the block has.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "abreast") as pool:

        def results() -> Iterator[Result]:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

        try:
            yield results()
        finally:
            for one in waiting:
                one.cancel()


@contextmanager
def ahead(pieces: Iterator[Piece], depth: int = 2) -> Iterator[Iterator[Piece]]:
    """The same pieces, up to ``depth`` of them made before they are asked for.

    What goes wrong in making them is raised where they are used. The thread has ended when the
    block has.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    left = threading.Event()
    trouble: list[BaseException] = []

    def put(piece: object) -> None:
        while not left.is_set():
            try:
                ready.put(piece, timeout=0.2)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for piece in pieces:
                put(piece)
                if left.is_set():
                    return
        except BaseException as error:
            trouble.append(error)
        finally:
            put(_END)

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        yield _taken(ready, trouble)
    finally:
        left.set()
        thread.join()


def _taken(ready: queue.Queue[object], trouble: list[BaseException]) -> Iterator[Piece]:
    while (piece := ready.get()) is not _END:
        yield piece  # type: ignore[misc]
    if trouble:
        raise trouble[0]
