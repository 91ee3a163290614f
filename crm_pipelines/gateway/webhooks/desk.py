"""Where deliveries are handed in: to the database, or to the spool while that is away."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence

from crm_pipelines.gateway.webhooks.batches import Batches
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import untangled
from crm_pipelines.store.inbox import arrivals
from crm_pipelines.store.inbox.arrivals import Arrival
from crm_pipelines.store.inbox.line import Line
from crm_pipelines.store.inbox.spool import Spool

LOG = logging.getLogger("crm_pipelines.gateway")
PATIENCE_SECONDS = 3.0
"""For the database, then again for the disk; Pipedrive waits ten."""
MOVING_SECONDS = 30.0
LOOK_SECONDS = 0.5
"""How often it is looked whether the database is back, and something to be moved there."""


class Desk:
    """Keeps deliveries; between open and close, for any number of processes with one spool."""

    def __init__(self, url: str, spool: Spool) -> None:
        self._spool = spool
        self._line = Line(url, PATIENCE_SECONDS)
        self._moving = Line(url, MOVING_SECONDS)
        self._into_inbox = Batches("inbox", lambda some: _insert(self._line, some))
        self._into_spool = Batches("spool", spool.append)
        self._away = False
        self._ended = threading.Event()

    def open(self) -> None:
        """Begin; what other processes left in the spool is moved, too."""
        self._into_inbox.open()
        self._into_spool.open()
        self._mover = threading.Thread(target=self._move, name="spool-mover")
        self._mover.start()

    def close(self) -> None:
        """Finish what is under way; what lies in the spool stays there."""
        self._ended.set()
        self._moving.cut()
        if self._away:
            self._line.cut()
        self._into_inbox.close()
        self._into_spool.close()
        self._mover.join()
        self._line.close()
        self._spool.leave()

    async def keep(self, arrival: Arrival) -> None:
        """When this returns it is safe from a crash. Raises ``SystemTrouble`` if nothing works."""
        if not self._away:
            try:
                await asyncio.wait_for(self._into_inbox.put(arrival), PATIENCE_SECONDS)
                return
            except SystemTrouble as trouble:
                self._note_absence(str(trouble))
            except TimeoutError:
                self._note_absence(f"no answer within {PATIENCE_SECONDS:g} seconds")
                self._line.cut()
        try:
            await asyncio.wait_for(self._into_spool.put(arrival), PATIENCE_SECONDS)
        except TimeoutError:
            raise SystemTrouble("neither the database nor the disk answers: try again") from None

    def _note_absence(self, why: str) -> None:
        if not self._away:
            LOG.warning("deliveries are kept on the disk until the database is back: %s", why)
        self._away = True

    def _move(self) -> None:
        while True:
            try:
                self._move_once()
            except (SystemTrouble, OSError) as trouble:
                LOG.debug("the spool stays where it is: %s", trouble)
            except Exception:  # it is tried again, so long as there is a gateway
                LOG.exception("the spool could not be moved")
            if self._ended.wait(LOOK_SECONDS):
                break
        self._moving.close()

    def _move_once(self) -> None:
        if not self._away and not self._spool.files():
            return
        _insert(self._moving, [])
        self._away = False
        self._spool.leave()
        moved = self._spool.empty(lambda some: _insert(self._moving, some))
        if moved:
            LOG.warning("%s deliveries were moved from the disk to the database", moved)


def _insert(line: Line, some: Sequence[Arrival]) -> int:
    return untangled(lambda: line.run(lambda connection: arrivals.insert(connection, some)))
