"""Warm leads, their deals, and the state of their activities."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import (
    QUEUED,
    ActivityState,
    DealResult,
    UserResult,
    WarmLeadResult,
    text,
)
from crm_pipelines.gateway.bodies import SAID, WHOLE, Body, Email, Identity
from crm_pipelines.gateway.inline import Inline
from crm_pipelines.gateway.updates import refuse
from crm_pipelines.model.access import Scope
from crm_pipelines.model.command import Delivery, Entity, Status
from crm_pipelines.store import local_side
from crm_pipelines.wiring import Wiring

LocalId = Annotated[str, Path(min_length=1, max_length=200, pattern=WHOLE)]
REFUSALS = problems.described(400, 401, 403, 404, 409, 413, 422, 429, 503)


class Setup(Body):
    """Whose Pipedrive user is looked for."""

    email: Email


class NewDeal(Body):
    """A deal to be made from a lead."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)

    contact_id: Annotated[str, Field(min_length=1, max_length=200, pattern=WHOLE)]
    title: Annotated[str, Field(max_length=255, pattern=SAID)]
    stage_id: Identity
    value: Annotated[float | None, Field(ge=0, le=1e12, allow_inf_nan=False)] = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None


def routes(wiring: Wiring, inline: Inline) -> APIRouter:
    """The end points of leads."""
    router = APIRouter(prefix="/api", tags=["leads"])
    reader, writer = (Depends(caller(wiring, scope)) for scope in (Scope.READ, Scope.WRITE))

    @router.post(
        "/contacts/{id}/check-warm-lead",
        responses={202: {"model": WarmLeadResult, "description": "Queued."}, **REFUSALS},
    )
    def check_warm_lead(
        id: LocalId,
        response: Response,
        caller: Caller = writer,
    ) -> WarmLeadResult:
        """Bring a contact that is a warm lead to Pipedrive, with its organization."""
        return _check(wiring, inline, caller, id, response)

    @router.get("/activities/{id}/sync-status", responses=REFUSALS)
    def sync_status(id: LocalId, caller: Caller = reader) -> ActivityState:
        """How an activity's way to Pipedrive stands."""
        row = _row(wiring, caller, Entity.ACTIVITY, id)
        return ActivityState(
            success=True,
            synced=row["replicated_to_pipedrive"] and row["update_sync_status"] == "SYNCED",
            pipedrive_activity_id=text(row["pipedrive_activity_id"]),
            sync_attempts=row["pipedrive_sync_attempts"],
            last_attempt=row["last_pipedrive_sync_attempt"],
            update_sync_status=row["update_sync_status"],
        )

    @router.post("/pipedrive/setup-user", responses={**REFUSALS, **problems.described(502)})
    def setup_user(body: Setup, caller: Caller = writer) -> UserResult:
        """Find somebody's Pipedrive user by e-mail address, and keep the id."""
        found = inline.push(caller.workspace).set_up_user(body.email)
        if found is None:
            why = "Pipedrive has no user with this e-mail address"
            return UserResult(success=False, error=why)
        return UserResult(success=True, pipedrive_user_id=found)

    @router.post(
        "/pipedrive/deals",
        status_code=201,
        responses={202: {"model": DealResult, "description": "Queued."}, **REFUSALS},
    )
    def create_deal(
        body: NewDeal,
        response: Response,
        caller: Caller = writer,
    ) -> DealResult:
        """Make a deal from a lead, in a given stage."""
        return _make_deal(wiring, inline, caller, body, response)

    return router


def _row(wiring: Wiring, caller: Caller, entity: Entity, identity: str) -> dict[str, Any]:
    rows = local_side.rows(wiring.database, entity, caller.workspace, [identity])
    if identity not in rows:
        raise HTTPException(404, f"there is no {entity} with this id")
    return rows[identity]


def _check(
    wiring: Wiring, inline: Inline, caller: Caller, identity: str, response: Response
) -> WarmLeadResult:
    before = _row(wiring, caller, Entity.PERSON, identity)
    push = inline.push(caller.workspace)
    warm = before["warmness_score"] >= push.rules.warm_lead_score
    if not warm or before["pipedrive_person_id"] is not None:
        return _lead(before, warm, None)
    found = inline.within(lambda: push.check_warm_lead(identity))
    for delivery in found:
        refuse(delivery)
    after = _row(wiring, caller, Entity.PERSON, identity)
    if after["pipedrive_person_id"] is None:
        response.status_code = 202
        return _lead(after, warm, found[-1] if found else None)
    return _lead(after, warm, None)


def _lead(row: dict[str, Any], warm: bool, waiting: Delivery | None) -> WarmLeadResult:
    linked = row["pipedrive_person_id"] is not None
    return WarmLeadResult(
        success=linked or not warm,
        is_warm_lead=warm,
        pipedrive_person_id=text(row["pipedrive_person_id"]),
        pipedrive_org_id=text(row["pipedrive_org_id"]),
        error=None if linked or not warm else (waiting and waiting.error) or QUEUED,
        outbox_id=waiting.id if waiting else None,
    )


def _make_deal(
    wiring: Wiring, inline: Inline, caller: Caller, body: NewDeal, response: Response
) -> DealResult:
    lead = _row(wiring, caller, Entity.PERSON, body.contact_id)
    push = inline.push(caller.workspace)
    local_id, made = push.create_deal(
        body.contact_id,
        organization_id=lead["organization_id"],
        title=body.title,
        stage_id=body.stage_id,
        value=body.value,
        currency=body.currency,
        who=caller.who,
    )
    [delivery] = inline.deliver(push, [made], Entity.DEAL)
    refuse(delivery)
    done = delivery.status is Status.DELIVERED
    response.status_code = 201 if done else 202
    return DealResult(
        success=done,
        status=delivery.status,
        deal_id=local_id,
        pipedrive_deal_id=text(delivery.remote_id),
        error=None if done else delivery.error or QUEUED,
        outbox_id=made,
    )
