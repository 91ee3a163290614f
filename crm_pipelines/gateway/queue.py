"""The outbox as callers see it: what waits, what died of what, and trying it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import BeforeValidator, Field

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import Answer
from crm_pipelines.gateway.bodies import Body, whole
from crm_pipelines.model.access import Scope
from crm_pipelines.model.command import Entity, Kind, Status, Trigger
from crm_pipelines.store import outbox
from crm_pipelines.wiring import Wiring

LARGEST = 9_007_199_254_740_991
"""The largest whole number that every program reads right from JSON."""
OutboxId = Annotated[int, Field(ge=1, le=LARGEST), BeforeValidator(whole)]
REFUSALS = problems.described(401, 403, 422, 429, 503)


class CommandState(Answer):
    """A command and how it stands."""

    id: int
    entity: Entity
    kind: Kind
    status: Status
    trigger: Trigger
    local_id: str | None
    record_id: str | None
    payload: dict[str, Any]
    attempts: int
    error: str | None
    fields: dict[str, str]
    created_at: datetime
    delivered_at: datetime | None
    next_attempt_at: datetime | None


class Outbox(Answer):
    """How many commands there are in which state, and the latest of those asked for."""

    counts: dict[str, int]
    commands: list[CommandState]


class Retry(Body):
    """Which commands to try again."""

    ids: Annotated[list[OutboxId], Field(min_length=1, max_length=1000)]


class Retried(Answer):
    """How many of them wait for their turn again; the others were not dead or failed."""

    retried: int


def routes(wiring: Wiring) -> APIRouter:
    """The end points of the outbox."""
    router = APIRouter(prefix="/api/pipedrive", tags=["outbox"])
    reader, admin = (Depends(caller(wiring, scope)) for scope in (Scope.READ, Scope.ADMIN))

    @router.get("/outbox", responses=REFUSALS)
    def outbox_list(
        status: Annotated[Status | None, Query()] = None,
        entity: Annotated[Entity | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[
            int | None, Query(ge=1, le=LARGEST, description="Older than this.")
        ] = None,
        caller: Caller = reader,
    ) -> Outbox:
        """Commands, the newest first."""
        rows = outbox.listing(
            wiring.database,
            workspace=caller.workspace,
            status=status,
            entity=entity,
            limit=limit,
            before=before,
        )
        counts = outbox.counts(wiring.database, caller.workspace)
        return Outbox(counts=counts, commands=[_state(row) for row in rows])

    @router.post("/retry-outbox", responses={**REFUSALS, **problems.described(400, 413)})
    def outbox_retry(body: Retry, caller: Caller = admin) -> Retried:
        """Dead and failed commands wait for their turn again."""
        number = outbox.redrive(
            wiring.database, workspace=caller.workspace, ids=body.ids, who=caller.who
        )
        return Retried(retried=number)

    @router.get("/outbox/{id}", responses={**REFUSALS, **problems.described(404)})
    def outbox_one(
        id: Annotated[int, Path(ge=1, le=LARGEST)],
        caller: Caller = reader,
    ) -> CommandState:
        """One command."""
        row = outbox.get(wiring.database, caller.workspace, id)
        if row is None:
            raise HTTPException(404, f"there is no command {id}")
        return _state(row)

    return router


def _state(row: Any) -> CommandState:
    remote = row["remote_id"]
    return CommandState(
        id=row["id"],
        entity=row["entity"],
        kind=row["kind"],
        status=row["status"],
        trigger=row["trigger"],
        local_id=row["local_id"],
        record_id=None if remote is None else str(remote),
        payload=row["payload"],
        attempts=row["attempts"],
        error=row["error"],
        fields=row["problems"],
        created_at=row["created_at"],
        delivered_at=row["delivered_at"],
        next_attempt_at=row["next_attempt_at"] if row["status"] == "pending" else None,
    )
