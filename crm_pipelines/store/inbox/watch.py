"""Watching the inbox: is there anything to apply, and being told when there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm_pipelines.store.database import Database


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
