"""Changing records: one at a time, or up to fifty together."""

# No postponed annotations: bodies are classes that are chosen while routes are made.

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Response
from pydantic import ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import BatchUpdateResult, UpdateResult, batch, result
from crm_pipelines.gateway.bodies import CHANGES, WHOLE, Body, Changes
from crm_pipelines.gateway.inline import Inline
from crm_pipelines.gateway.records import Record, find_record
from crm_pipelines.model.access import Scope
from crm_pipelines.model.command import Delivery, Entity, Kind, Status, Trigger, Wanted
from crm_pipelines.model.errors import InvalidData
from crm_pipelines.wiring import Wiring

PATHS: Mapping[str, Entity] = {
    "activities": Entity.ACTIVITY,
    "people": Entity.PERSON,
    "organizations": Entity.ORGANIZATION,
    "deals": Entity.DEAL,
}
MOST = 50
REFUSALS = problems.described(400, 401, 403, 404, 409, 413, 422, 429, 503)
Identity = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=WHOLE,
        description="Pipedrive's number, or the id of a row of the local side.",
    ),
]


class BatchItem(Body):
    """One change of a batch."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)

    record_type: Literal["activity", "person", "organization", "deal"]
    record_id: Annotated[str, Field(min_length=1, max_length=200, pattern=WHOLE)]
    data: dict[str, Any]


class Batch(RootModel[Annotated[list[BatchItem], Field(min_length=1, max_length=MOST)]]):
    """Up to fifty changes."""

    model_config = {
        "strict": True,
        "json_schema_extra": {
            "example": [
                {"recordType": "person", "recordId": "17", "data": {"name": "Ada Lovelace"}},
                {"recordType": "activity", "recordId": "4", "data": {"done": True}},
            ]
        },
    }


def routes(wiring: Wiring, inline: Inline) -> APIRouter:
    """The end points of record updates."""
    router = APIRouter(prefix="/api/pipedrive", tags=["records"])
    who = Depends(caller(wiring, Scope.WRITE))
    for path, entity in PATHS.items():
        router.add_api_route(
            f"/{path}/{{id}}",
            _updater(wiring, inline, entity, who),
            methods=["PUT"],
            name=f"update_{entity}",
            summary=f"Change {'an' if entity in ('activity', 'organization') else 'a'} {entity}",
            responses={202: {"model": UpdateResult, "description": "Queued."}, **REFUSALS},
        )

    @router.post("/batch-update", responses=problems.described(400, 401, 403, 413, 422, 429, 503))
    def batch_update(body: Batch, caller: Caller = who) -> BatchUpdateResult:
        """Change up to 50 records. What is wrong with one of them does not stop the others."""
        return _batch(wiring, inline, caller, body.root)

    return router


def _updater(wiring: Wiring, inline: Inline, entity: Entity, who: Any) -> Any:
    def update(
        id: Identity,
        body: CHANGES[entity],  # type: ignore[valid-type]
        response: Response,
        caller: Caller = who,
    ) -> UpdateResult:
        """Delivered at once and answered with the outcome, or 202 when it had to be queued."""
        push = inline.push(caller.workspace)
        record = find_record(wiring.database, caller.workspace, entity, id)
        made = push.enqueue(_wanted(caller, entity, record, body, Trigger.MANUAL))
        [delivery] = inline.deliver(push, [made], entity)
        refuse(delivery)
        found = result(delivery)
        response.status_code = 200 if found.success else 202
        return found

    return update


def refuse(delivery: Delivery) -> None:
    """A command that is dead answers as what it died of."""
    if delivery.status is not Status.DEAD:
        return
    status = 422 if delivery.problems else 409
    if "not there any more" in delivery.error:
        status = 404
    raise problems.Refusal(status, delivery.error, delivery.problems)


def _wanted(
    caller: Caller, entity: Entity, record: Record, body: Changes, trigger: Trigger
) -> Wanted:
    return Wanted(
        workspace=caller.workspace,
        crm="pipedrive",
        entity=entity,
        kind=Kind.UPDATE,
        payload=body.given(entity),
        local_id=record.local_id,
        remote_id=record.remote_id,
        trigger=trigger,
        who=caller.who,
    )


def _batch(
    wiring: Wiring, inline: Inline, caller: Caller, items: list[BatchItem]
) -> BatchUpdateResult:
    push = inline.push(caller.workspace)
    results: list[UpdateResult | None] = [None] * len(items)
    queued: dict[int, int] = {}
    for number, item in enumerate(items):
        entity = Entity(item.record_type)
        try:
            body = CHANGES[entity].model_validate(item.data)
            record = find_record(wiring.database, caller.workspace, entity, item.record_id)
            queued[number] = push.enqueue(_wanted(caller, entity, record, body, Trigger.BATCH))
        except ValidationError as error:
            results[number] = _refused("some fields are not right", problems.by_field(error))
        except InvalidData as error:
            results[number] = _refused(str(error), dict.fromkeys(error.fields, str(error)))
        except HTTPException as error:
            results[number] = _refused(str(error.detail), {})
    # Several changes of one record are one command.
    unique = list(dict.fromkeys(queued.values()))
    found = {one.id: one for one in inline.deliver(push, unique, Entity.PERSON)}
    for number, made in queued.items():
        results[number] = result(found[made])
    return batch([one for one in results if one is not None])


def _refused(words: str, fields: Mapping[str, str]) -> UpdateResult:
    return result(Delivery(0, Status.DEAD, Entity.PERSON, error=words, problems=fields))
