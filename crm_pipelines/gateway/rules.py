"""The rules of pushing, learned by the triggers of the local side when the gateway starts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from crm_pipelines.model.errors import SystemTrouble

LOG = logging.getLogger("crm_pipelines.gateway")
WAIT_SECONDS, AGAIN_SECONDS = 2.0, 5.0
"""A start waits so long for it; while the database is away it is tried again so often."""


@contextmanager
def learning(workspaces: Sequence[str], learn: Callable[[str], object]) -> Iterator[None]:
    """Inside of the block they are learned, or will be once the database is there.

    Raises what ``learn`` raises, ``SystemTrouble`` excepted: webhooks come in without a database.
    """
    learned, ended = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def run() -> None:
        rest = list(workspaces)
        while rest and not ended.is_set():
            try:
                learn(rest[0])
                rest.pop(0)
            except SystemTrouble as trouble:
                LOG.warning("the gateway goes on without the database: %s", trouble)
                ended.wait(AGAIN_SECONDS)
            except Exception as error:  # raised by the thread that waits
                errors.append(error)
                break
        learned.set()

    threading.Thread(target=run, name="rules", daemon=True).start()
    learned.wait(WAIT_SECONDS)
    if errors:
        raise errors[0]
    try:
        yield
    finally:
        ended.set()
