"""Threads that deliver: every webhook has its own, so that a slow one holds back nobody else."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from crm_pipelines.sandbox.pipedrive.sending import Sender

SIDE_BY_SIDE = 8
"""Deliveries of one webhook that may be under way at the same time."""

IDLE_SECONDS = 20.0
CLOSING_SECONDS = 1.0

Work = TypeVar("Work")


class Lane(Generic[Work]):
    """The threads of one webhook; they start when there is work, and end when there is none."""

    def __init__(self, do: Callable[[Sender, Work], None]) -> None:
        self._do = do
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._stopped = False

    def put(self, work: Work) -> None:
        """Do it as soon as a thread is free."""
        with self._lock:
            self._waiting.put(work)
            if self._idle < self._waiting.qsize() and len(self._threads) < SIDE_BY_SIDE:
                thread = threading.Thread(target=self._run, name="webhook", daemon=True)
                self._threads.add(thread)
                thread.start()

    def stop(self) -> None:
        """Take nothing more; what is under way is not waited for."""
        with self._lock:
            self._stopped = True
        for _ in range(SIDE_BY_SIDE):
            self._waiting.put(None)

    def join(self, until: float) -> None:
        """Wait for threads that end soon, up to a (monotonic) moment."""
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        sender = Sender()
        try:
            while (work := self._next()) is not None:
                self._do(sender, work)
        finally:
            sender.close()

    def _next(self) -> Work | None:
        with self._lock:
            self._idle += 1
        while True:
            try:
                work = self._waiting.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                work = None
            with self._lock:
                if work is None and not self._stopped and not self._waiting.empty():
                    continue  # it came in the moment between
                self._idle -= 1
                if work is None or self._stopped:
                    self._threads.discard(threading.current_thread())
                    return None
                return work
