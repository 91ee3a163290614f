"""Watching the outbox: is there anything to deliver, and being told when there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from crm_pipelines.model.purpose import Purpose
from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query


@dataclass(frozen=True)
class Waiting:
    """How many commands have their turn; ``mark`` changes whenever they do."""

    commands: int
    mark: str


def waiting(database: Database, crm: str, workspaces: Sequence[str], purpose: Purpose) -> Waiting:
    """What there is to deliver for a purpose; one cheap query."""
    kinds = sorted((str(entity), str(kind)) for entity, kind in purpose.commands)
    values = {
        "crm": crm,
        "workspaces": list(workspaces),
        "entities": [entity for entity, _ in kinds],
        "kinds": [kind for _, kind in kinds],
    }
    [row] = database.run("push_watch.waiting", values)
    return Waiting(row["commands"], row["mark"])


def any_failed(database: Database, crm: str, workspaces: Sequence[str]) -> bool:
    """Whether the batch job has something to do."""
    values = {"crm": crm, "workspaces": list(workspaces)}
    return bool(database.run("push_watch.failed", values)[0]["found"])


class News:
    """A connection that hears of commands in the moment of the commit; use it in a ``with``.

    Begin before looking at the outbox: then nothing falls between looking and listening.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        self._connection = self._database.connect()
        with grounded():
            self._connection.execute(query("push_watch.listen"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Until something was written, so long at most; whether it was."""
        with grounded():
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
