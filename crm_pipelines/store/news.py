"""Being told by the database, in the moment of a commit, that there is something to do."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Self

from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query

Place = Literal["inbox", "outbox"]


class News:
    """A connection that hears of what comes to a place; use it in a ``with``.

    Begin before looking there: then nothing falls between looking and listening.
    """

    def __init__(self, database: Database, place: Place) -> None:
        self._database, self._place = database, place

    def __enter__(self) -> Self:
        self._connection = self._database.connect()
        with grounded():
            self._connection.execute(query(f"{self._place}.listen"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Until something came, so long at most; whether it did."""
        with grounded():
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
