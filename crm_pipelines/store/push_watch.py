"""Watching the outbox: is there anything to deliver, and being told when there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm_pipelines.model.purpose import Purpose
from crm_pipelines.store.database import Database


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
