"""Delivering while the caller waits, and no longer than he should."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

from crm_pipelines.flows.push.flow import Push
from crm_pipelines.model.command import Delivery, Entity, Status
from crm_pipelines.wiring import Wiring

LOG = logging.getLogger("crm_pipelines.gateway")
SIDE_BY_SIDE = 16
"""Requests that are delivered at once; the others stand in line, in order."""


class Inline:
    """Delivers commands for callers who wait. Whatever is not through in time stays queued."""

    def __init__(self, wiring: Wiring) -> None:
        self._wait_seconds = wiring.settings.gateway_wait_seconds
        self._threads = ThreadPoolExecutor(SIDE_BY_SIDE, "deliver")
        self.push: Callable[[str], Push] = wiring.push

    def deliver(self, push: Push, ids: Sequence[int], entity: Entity) -> list[Delivery]:
        """What became of these commands, in their order."""
        by_id = {one.id: one for one in self.within(lambda: push.work(ids=ids))}
        return [by_id.get(id_) or Delivery(id_, Status.PENDING, entity) for id_ in ids]

    def within(self, work: Callable[[], list[Delivery]]) -> list[Delivery]:
        """What it delivered, or nothing if it is not through in time: then it goes on by itself."""
        future = self._threads.submit(work)
        try:
            return future.result(self._wait_seconds)
        except Late:
            future.add_done_callback(_note)
            return []

    def close(self) -> None:
        """Let what is under way finish."""
        self._threads.shutdown()


def _note(work: Future[list[Delivery]]) -> None:
    """Nobody waits for it any more: the outbox says what became of it, the log what broke."""
    error = work.exception()
    if error is not None:
        LOG.error("a delivery that nobody waited for any more broke: %s", error)
