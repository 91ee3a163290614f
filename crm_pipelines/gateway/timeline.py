"""What happened around a contact, in one order; and reporting the messages that belong there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import Answer
from crm_pipelines.gateway.bodies import SAID, WHOLE, Body
from crm_pipelines.gateway.leads import LocalId
from crm_pipelines.gateway.problems import Refusal
from crm_pipelines.model.access import Scope
from crm_pipelines.model.command import Entity
from crm_pipelines.store import local_side, timeline
from crm_pipelines.store.timeline import Entry, Message
from crm_pipelines.wiring import Wiring

GivenId = Annotated[str, Field(min_length=1, max_length=200, pattern=WHOLE)]
REFUSALS = problems.described(401, 403, 404, 422, 429, 503)


def _moment(text: str) -> str:
    _aware(text)
    return text


def _aware(text: str) -> datetime:
    """Raises ``ValueError`` where a text is no moment, or says no time zone."""
    if "T" not in text.upper():
        raise ValueError("must be a date and time like 2026-01-31T12:00:00Z")
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("must say its time zone, like 2026-01-31T12:00:00Z")
    return found


Moment = Annotated[
    str,
    AfterValidator(_moment),
    Field(max_length=100, json_schema_extra={"format": "date-time"}),
]


class TimelineEntry(Answer):
    """Something that happened: ``pipedrive_17``, ``local_…``, ``stage_…``, ``message_…``."""

    id: str
    type: str
    timestamp: datetime
    title: str | None
    description: str | None
    metadata: dict[str, Any]


class Timeline(Answer):
    """Entries, the newest first. ``next`` is where older ones are, null at the end."""

    entries: list[TimelineEntry]
    next: str | None


class NewMessage(Body):
    """A message that was sent or received. With an ``id`` it can be reported again."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        json_schema_extra={
            "example": {
                "id": "mail-4711",
                "direction": "received",
                "channel": "email",
                "subject": "Re: your offer",
                "body": "Let us talk on Monday.",
                "sentAt": "2026-01-31T12:00:00Z",
            }
        },
    )

    direction: Literal["sent", "received"]
    channel: Annotated[str, Field(max_length=50, pattern=SAID)]
    sent_at: Moment
    id: GivenId | None = None
    subject: Annotated[str, Field(max_length=1_000, pattern=WHOLE)] | None = None
    body: Annotated[str, Field(max_length=200_000, pattern=WHOLE)] | None = None
    deal_id: GivenId | None = None


class ReportedMessage(Answer):
    """The message's id, and whether it was new."""

    id: str
    created: bool


def routes(wiring: Wiring) -> APIRouter:
    """The end points around a contact."""
    router = APIRouter(prefix="/api/contacts/{id}", tags=["timeline"])
    reader, writer = (Depends(caller(wiring, scope)) for scope in (Scope.READ, Scope.WRITE))

    @router.get("/timeline", responses=REFUSALS)
    def contact_timeline(
        id: LocalId,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[Moment | None, Query(description="Only what is older.")] = None,
        before_id: Annotated[
            str,
            Query(max_length=300, pattern=WHOLE, description="Of what is not, what follows this."),
        ] = "",
        caller: Caller = reader,
    ) -> Timeline:
        """Activities of both sides, stage changes of the contact's deals, and messages."""
        found = timeline.page(
            wiring.database,
            caller.workspace,
            id,
            limit=limit + 1,
            before=_aware(before) if before else None,
            before_id=before_id,
        )
        if found is None:
            raise HTTPException(404, "there is no contact with this id")
        return _timeline(id, found, limit)

    @router.post(
        "/messages",
        status_code=201,
        responses={
            200: {"model": ReportedMessage, "description": "It was known already."},
            **REFUSALS,
            **problems.described(400, 409, 413),
        },
    )
    def report_message(
        id: LocalId, body: NewMessage, response: Response, caller: Caller = writer
    ) -> ReportedMessage:
        """Report a message, so that the timeline shows it."""
        _there(wiring, caller, Entity.PERSON, id)
        if body.deal_id is not None:
            _there(wiring, caller, Entity.DEAL, body.deal_id)
        found = timeline.report(wiring.database, caller.workspace, _message(id, body))
        if found is None:
            raise HTTPException(409, "a message of another contact has this id")
        identity, made = found
        response.status_code = 201 if made else 200
        return ReportedMessage(id=identity, created=made)

    return router


def _timeline(contact: str, found: list[Entry], limit: int) -> Timeline:
    entries = [
        TimelineEntry(
            id=one.id,
            type=one.type,
            timestamp=one.at.astimezone(UTC),
            title=one.title,
            description=one.description,
            metadata=one.metadata,
        )
        for one in found[:limit]
    ]
    following = _next(contact, found[limit - 1], limit) if len(found) > limit else None
    return Timeline(entries=entries, next=following)


def _next(contact: str, last: Entry, limit: int) -> str:
    asked = {"limit": limit, "before": last.at.astimezone(UTC).isoformat(), "before_id": last.id}
    return f"/api/contacts/{quote(contact, safe='')}/timeline?{urlencode(asked)}"


def _message(contact: str, body: NewMessage) -> Message:
    return Message(
        contact=contact,
        direction=body.direction,
        channel=body.channel,
        sent_at=_aware(body.sent_at),
        id=body.id,
        subject=body.subject,
        body=body.body,
        deal=body.deal_id,
    )


def _there(wiring: Wiring, caller: Caller, entity: Entity, identity: str) -> None:
    if identity in local_side.rows(wiring.database, entity, caller.workspace, [identity]):
        return
    if entity is Entity.PERSON:
        raise HTTPException(404, "there is no contact with this id")
    raise Refusal(422, f"there is no {entity} with this id", {"dealId": "is not there"})
