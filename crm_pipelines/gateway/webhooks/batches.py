"""What comes in while a thread is at work is its next batch: one commit for many requests."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence

from crm_pipelines.store.inbox.arrivals import Arrival

MOST, MOST_BYTES = 500, 16 << 20
"""Deliveries of a batch, and bytes of them."""

Waiting = tuple[Arrival, asyncio.Future[None]]


class Batches:
    """A thread that does ``work`` for whatever has come in; between open and close.

    A batch of one is worked at once; nobody waits for others.
    """

    def __init__(self, name: str, work: Callable[[Sequence[Arrival]], object]) -> None:
        self._name, self._work = name, work
        self._queue: deque[Waiting] = deque()
        self._more = threading.Condition()
        self._ended = False

    def open(self) -> None:
        """Start the thread; answers go to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=self._name)
        self._thread.start()

    def put(self, arrival: Arrival) -> asyncio.Future[None]:
        """Done when it has been worked, or failed like its batch."""
        future = self._loop.create_future()
        with self._more:
            self._queue.append((arrival, future))
            self._more.notify()
        return future

    def close(self) -> None:
        """Finish what is there, and stop."""
        with self._more:
            self._ended = True
            self._more.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            error: Exception | None = None
            try:
                self._work([arrival for arrival, _ in batch])
            except Exception as caught:  # whoever waits gets it
                error = caught
            self._loop.call_soon_threadsafe(_settle, batch, error)

    def _next(self) -> list[Waiting]:
        """What is waiting, once something is; nothing when it is time to stop."""
        batch: list[Waiting] = []
        size = 0
        with self._more:
            while not batch:
                while not self._queue and not self._ended:
                    self._more.wait()
                if not self._queue:
                    return []
                while self._queue and len(batch) < MOST and size < MOST_BYTES:
                    arrival, future = self._queue.popleft()
                    if not future.done():  # else nobody waits for it any more
                        batch.append((arrival, future))
                        size += len(arrival.body)
        return batch


def _settle(batch: Sequence[Waiting], error: Exception | None) -> None:
    for _, future in batch:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
