"""The inbox as callers see it: what CRMs told us, what became of it, and applying it once more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from pydantic import Field, model_validator
from starlette.convertors import Convertor, register_url_convertor

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import Answer
from crm_pipelines.gateway.bodies import WHOLE, Body
from crm_pipelines.gateway.queue import LARGEST, OutboxId
from crm_pipelines.model.access import Scope
from crm_pipelines.model.event import State
from crm_pipelines.store import inbox
from crm_pipelines.wiring import Wiring

REFUSALS = problems.described(401, 403, 422, 429, 503)


class Digits(Convertor[str]):
    """An id in a path beside which there are words: those are no ids that are wrong."""

    regex = "[0-9]{1,16}"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """The same."""
        return value


register_url_convertor("digits", Digits())


class DeliveryState(Answer):
    """A delivery and how it stands; what is not known before it is read is null."""

    id: int
    delivery_id: str
    crm: str
    status: State
    object: str | None
    action: str | None
    record_id: str | None
    version: str | None
    attempts: int
    error: str | None
    received_at: datetime
    event_at: datetime | None
    applied_at: datetime | None
    next_attempt_at: datetime | None
    outbox_id: int | None
    run_id: str | None


class WholeDelivery(DeliveryState):
    """The same with the body as it came."""

    body: str


class Inbox(Answer):
    """How many deliveries there are in which state, and the latest of those asked for."""

    counts: dict[str, int]
    oldest_waiting_seconds: float | None
    deliveries: list[DeliveryState]


class Replay(Body):
    """Which deliveries to apply once more: these, or all of a status."""

    model_config = {
        **Body.model_config,
        "json_schema_extra": {"minProperties": 1, "example": {"status": "dead"}},
    }

    ids: Annotated[list[OutboxId], Field(min_length=1, max_length=1000)] = []
    status: Literal["dead", "unknown", "stale"] = "dead"

    @model_validator(mode="after")
    def _either(self) -> Replay:
        if not self.model_fields_set:
            raise ValueError("say which: ids, or a status")
        return self


class Replayed(Answer):
    """How many wait for their turn again; the others wait already, or are not there."""

    replayed: int


def routes(wiring: Wiring) -> APIRouter:
    """The end points of the inbox."""
    router = APIRouter(prefix="/api/pipedrive", tags=["inbox"])
    reader, admin = (Depends(caller(wiring, scope)) for scope in (Scope.READ, Scope.ADMIN))

    @router.get("/inbox", responses=REFUSALS)
    def inbox_list(
        status: Annotated[State | None, Query()] = None,
        object: Annotated[str | None, Query(max_length=100, pattern=WHOLE)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[
            int | None, Query(ge=1, le=LARGEST, description="Older than this.")
        ] = None,
        caller: Caller = reader,
    ) -> Inbox:
        """Deliveries, the newest first."""
        rows = inbox.listing(
            wiring.database,
            workspace=caller.workspace,
            status=status,
            object=object,
            limit=limit,
            before=before,
        )
        return Inbox(
            counts=dict(inbox.counts(wiring.database, caller.workspace)),
            oldest_waiting_seconds=inbox.oldest_waiting_seconds(wiring.database, caller.workspace),
            deliveries=[DeliveryState(**_told(row)) for row in rows],
        )

    @router.post("/inbox/replay", responses={**REFUSALS, **problems.described(400, 413)})
    def inbox_replay(body: Replay, caller: Caller = admin) -> Replayed:
        """Deliveries wait for their turn again; what was applied before changes nothing."""
        status = State(body.status) if "status" in body.model_fields_set else None
        number = inbox.replay(
            wiring.database, caller.workspace, ids=body.ids, status=status, who=caller.who
        )
        return Replayed(replayed=number)

    @router.get("/inbox/{id:digits}", responses={**REFUSALS, **problems.described(404)})
    def inbox_one(
        id: Annotated[int, Path(ge=1, le=LARGEST)], caller: Caller = reader
    ) -> WholeDelivery:
        """One delivery, its body as it came."""
        row = inbox.show(wiring.database, caller.workspace, id)
        if row is None:
            raise HTTPException(404, f"there is no delivery {id}")
        return WholeDelivery(**_told(row), body=bytes(row["body"]).decode("utf-8", "replace"))

    return router


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    waits = row["status"] == State.WAITING
    named = {name: row[name] for name in DeliveryState.model_fields if name in row}
    return {
        **named,
        "record_id": row["remote_id"],
        "next_attempt_at": row["next_attempt_at"] if waits else None,
    }
