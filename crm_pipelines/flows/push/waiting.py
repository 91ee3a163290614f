"""Somebody waits for certain commands: they are delivered now, after what has to go before them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Protocol

from crm_pipelines.model.command import Command, Delivery, Entity, Status
from crm_pipelines.model.priority import Priority
from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database

STEPS = 50
"""How far back a command's forerunners are looked for."""

PATIENCE_SECONDS = 15.0
"""How long another worker that has one of them in its hands is waited for."""

LOOK_AGAIN_SECONDS = 0.05


class Push(Protocol):
    """What is needed of a push here: two steps of its phases."""

    @property
    def database(self) -> Database:
        """Where the outbox is."""

    @property
    def workspace(self) -> str:
        """The tenant."""

    def fetch(self, *, most: int, ids: Sequence[int], failed_too: bool) -> list[Command]:
        """Those of the given commands whose turn it is."""

    def through(
        self, commands: Sequence[Command], run: str, priority: int | None
    ) -> list[Delivery]:
        """The phases after that."""


def work_on(push: Push, ids: Sequence[int], run: str, failed_too: bool) -> list[Delivery]:
    """What they have come to, whoever delivered them, in their order."""
    found: dict[int, Delivery] = {}
    until = time.monotonic() + PATIENCE_SECONDS
    outbox.recover(push.database)
    while True:
        commands = _up_to(push, ids, failed_too)
        made = push.through(commands, run, Priority.INTERACTIVE) if commands else []
        found |= {one.id: one for one in made}
        states = _states(push, ids)
        if made:
            continue
        elsewhere = any(one.status is Status.SENDING for one in states.values())
        if not (elsewhere or commands) or time.monotonic() > until:
            return [_told(found.get(id_), states[id_]) for id_ in ids if id_ in states]
        time.sleep(LOOK_AGAIN_SECONDS)


def _up_to(push: Push, ids: Sequence[int], failed_too: bool) -> list[Command]:
    values = {"workspace": push.workspace, "ids": list(ids), "most": STEPS}
    ahead = [row["id"] for row in push.database.run("push.ahead", values)]
    return push.fetch(most=len(ahead), ids=ahead, failed_too=failed_too) if ahead else []


def _states(push: Push, ids: Sequence[int]) -> dict[int, Delivery]:
    rows = push.database.run("push.states", {"workspace": push.workspace, "ids": list(ids)})
    return {row["id"]: _delivery_of(row) for row in rows}


def _told(ours: Delivery | None, state: Delivery) -> Delivery:
    """Our own word for a delivery says more than the outbox, as long as both agree."""
    return ours if ours is not None and ours.status is state.status else state


def _delivery_of(row: Mapping[str, Any]) -> Delivery:
    status = Status(row["status"])
    waits = status in (Status.PENDING, Status.FAILED)
    return Delivery(
        row["id"],
        status,
        Entity(row["entity"]),
        local_id=row["local_id"],
        remote_id=row["remote_id"],
        error=row["error"] or "",
        problems=row["problems"] or {},
        attempts=row["attempts"],
        retry_at=row["next_attempt_at"].astimezone(UTC) if waits else None,
    )
