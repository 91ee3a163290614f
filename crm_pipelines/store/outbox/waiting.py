"""Waiting until there may be something to do."""

from __future__ import annotations

from collections.abc import Callable

from crm_pipelines.store.database import Database, grounded


def _nothing() -> bool:
    return False


def wait_for_work(database: Database, seconds: float, found: Callable[[], bool] = _nothing) -> bool:
    """Until commands were added or others may have got their turn; at most so long.

    ``found`` is asked once we listen: what came between the caller's own look and now is not
    missed. Says whether it is worth looking. Raises ``SystemTrouble``.
    """
    connection = database.connect()
    with grounded(), connection:
        connection.execute("LISTEN crm_outbox")
        if found():
            return True
        return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
