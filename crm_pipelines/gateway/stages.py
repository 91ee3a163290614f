"""Stages over HTTP: what they are mapped to, and the history of a deal."""

# No postponed annotations: bodies are made from the declared actions.

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Union

from fastapi import APIRouter, Depends, HTTPException, Path
from pydantic import ConfigDict, Field, ValidationError, create_model
from pydantic.alias_generators import to_camel

from crm_pipelines.flows.stages import mappings
from crm_pipelines.flows.stages.action import Action, Name, Percent
from crm_pipelines.flows.stages.actions import discover
from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.gateway.answers import Answer
from crm_pipelines.gateway.bodies import LARGEST_ID, Body
from crm_pipelines.gateway.problems import Refusal
from crm_pipelines.gateway.records import find_record
from crm_pipelines.gateway.updates import Identity
from crm_pipelines.model.access import Scope
from crm_pipelines.model.command import Entity
from crm_pipelines.store import local_side
from crm_pipelines.store.stages import mappings as store
from crm_pipelines.store.stages import moves
from crm_pipelines.wiring import Wiring

CRM = "pipedrive"
REFUSALS = problems.described(401, 403, 422, 429, 503)
StageId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="Pipedrive's number.")]


def _body_of(action: Action) -> Any:
    """An action with its own options; they may be left out where all of them may."""
    try:
        default: Any = action.options()
    except ValidationError:
        default = ...
    name: Any = Literal[action.name]
    made: Any = create_model(
        "".join(word.title() for word in action.name.split("_")) + "Action",
        __base__=Body,
        __doc__=action.what,
        action=(name, ...),
        options=(action.options, default),
    )
    return made


ACTIONS: Any = Annotated[
    Union[tuple(_body_of(action) for action in discover().values())],  # noqa: UP007
    Field(discriminator="action"),
]


class StageMappingBody(Body):
    """What a stage means: the status and probability of its deals, and what coming into it does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)

    local_status: Name | None = None
    probability: Percent
    actions: Annotated[list[ACTIONS], Field(max_length=mappings.MOST_ACTIONS)] = []
    enabled: bool = True


class MappingState(Answer):
    """A mapping; changes of stage count that happened since ``activeSince``."""

    local_status: str | None
    probability: int
    actions: list[dict[str, Any]]
    enabled: bool
    active_since: datetime
    updated_by: str
    updated_at: datetime


class StageState(Answer):
    """A stage; its name is null where the mirror does not have it any more."""

    stage_id: int
    name: str | None
    pipeline_id: int | None
    pipeline: str | None
    mapping: MappingState | None


class Stages(Answer):
    """In the order of the pipelines."""

    stages: list[StageState]


class Stay(Answer):
    """A deal's time in a stage; ``leftAt`` and the duration are null while it is there."""

    stage_id: int
    stage: str | None
    previous_stage_id: int | None
    previous_stage: str | None
    changed_at: datetime
    left_at: datetime | None
    seconds_in_stage: float | None
    changed_by_user_id: int | None
    probability: float | None
    value: float | None
    currency: str | None
    pipeline_id: int | None
    source: Literal["webhook", "mirror", "change_log", "inferred"]


class History(Answer):
    """The stages of a deal, the first first. ``past`` says how far back that is known."""

    deal_id: int
    past: Literal["unread", "reading", "complete", "silent", "gone"]
    stays: list[Stay]


def routes(wiring: Wiring) -> APIRouter:
    """The end points of stages."""
    router = APIRouter(prefix="/api/pipedrive", tags=["stages"])
    reader, admin = (Depends(caller(wiring, scope)) for scope in (Scope.READ, Scope.ADMIN))

    @router.get("/stage-mappings", responses=REFUSALS)
    def stage_list(caller: Caller = reader) -> Stages:
        """Every stage, mapped or not."""
        rows = store.listing(wiring.database, caller.workspace, CRM)
        return Stages(stages=[_state(row) for row in rows])

    @router.get("/stage-mappings/{stage_id}", responses={**REFUSALS, **problems.described(404)})
    def stage_one(stage_id: StageId, caller: Caller = reader) -> StageState:
        """One of them."""
        return _find(wiring, caller, stage_id)

    @router.put(
        "/stage-mappings/{stage_id}",
        responses={**REFUSALS, **problems.described(400, 404, 409, 413)},
    )
    def stage_put(stage_id: StageId, body: StageMappingBody, caller: Caller = admin) -> StageState:
        """Map a stage. Coming into it counts from now on; what happened before does not."""
        mapping = mappings.read(body.model_dump())
        about = (wiring.database, wiring.audit, caller.workspace, CRM, stage_id)
        try:
            mappings.put(*about, mapping, caller.who)
        except mappings.UnknownStage as error:
            raise HTTPException(404, str(error)) from None
        except mappings.UnknownUser as error:
            raise Refusal(409, str(error), dict.fromkeys(error.fields, str(error))) from None
        return _find(wiring, caller, stage_id)

    @router.delete(
        "/stage-mappings/{stage_id}",
        status_code=204,
        responses={**REFUSALS, **problems.described(404)},
    )
    def stage_remove(stage_id: StageId, caller: Caller = admin) -> None:
        """Forget a mapping; what it has set off is done all the same."""
        about = (wiring.database, wiring.audit, caller.workspace, CRM, stage_id)
        if not mappings.remove(*about, caller.who):
            raise HTTPException(404, f"stage {stage_id} is not mapped")

    @router.get("/deals/{id}/stage-history", responses={**REFUSALS, **problems.described(404)})
    def stage_history(id: Identity, caller: Caller = reader) -> History:
        """Through which stages a deal went, who moved it, and how long it stayed."""
        deal_id = _deal_id(wiring, caller, id)
        past = moves.past_of(wiring.database, caller.workspace, CRM, deal_id)
        if past is None:
            raise HTTPException(404, f"nothing is known of deal {deal_id}: sync pipedrive.deals")
        rows = moves.of_deal(wiring.database, caller.workspace, CRM, deal_id)
        return History(deal_id=deal_id, past=past["status"], stays=[_stay(row) for row in rows])

    return router


def _find(wiring: Wiring, caller: Caller, stage_id: int) -> StageState:
    row = store.get(wiring.database, caller.workspace, CRM, stage_id)
    if row is None:
        raise HTTPException(404, f"the mirror has no stage {stage_id}")
    return _state(row)


def _deal_id(wiring: Wiring, caller: Caller, identity: str) -> int:
    record = find_record(wiring.database, caller.workspace, Entity.DEAL, identity)
    if record.local_id is None:
        assert record.remote_id is not None
        return record.remote_id
    rows = local_side.rows(wiring.database, Entity.DEAL, caller.workspace, [record.local_id])
    remote_id = rows[record.local_id]["remote_id"]
    if remote_id is None:
        raise HTTPException(404, "this deal is not in Pipedrive yet")
    return int(remote_id)


def _state(row: Mapping[str, Any]) -> StageState:
    mapping = None
    if row["mapped"]:
        mapping = MappingState(**{name: row[name] for name in MappingState.model_fields})
    names = ("stage_id", "name", "pipeline_id", "pipeline")
    return StageState(**{name: row[name] for name in names}, mapping=mapping)


def _stay(row: Mapping[str, Any]) -> Stay:
    duration = row["duration_in_stage"]
    same = {name: row[name] for name in Stay.model_fields if name in row}
    seconds = None if duration is None else duration.total_seconds()
    return Stay(**same, value=row["deal_value"], seconds_in_stage=seconds)
