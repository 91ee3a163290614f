"""Watching the inbox: is there anything to apply, and being told when there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query


@dataclass(frozen=True)
class Waiting:
    """How many deliveries have their turn; ``mark`` changes whenever they do."""

    deliveries: int
    mark: str


def waiting_mark(database: Database, crm: str, workspaces: Sequence[str]) -> Waiting:
    """What there is to apply; one cheap query."""
    values = {"crm": crm, "workspaces": list(workspaces)}
    [row] = database.run("inbox.mark", values)
    return Waiting(row["deliveries"], row["mark"])


class News:
    """A connection that hears of deliveries in the moment of the commit; use it in a ``with``.

    Begin before looking at the inbox: then nothing falls between looking and listening.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        self._connection = self._database.connect()
        with grounded():
            self._connection.execute(query("inbox.listen"))
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
