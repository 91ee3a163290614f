"""What stages mean here: stored after everything about it was checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.flows.stages.action import Name, Options, Percent
from crm_pipelines.flows.stages.actions import discover
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.errors import InvalidData
from crm_pipelines.store.database import Database
from crm_pipelines.store.stages import mappings as store

MOST_ACTIONS = 20


class UnknownStage(InvalidData):
    """The mirror has no such stage."""


class UnknownUser(InvalidData):
    """An action names people that the local side does not know."""


class WantedAction(Options):
    """An action and its options, as they are stored."""

    action: Name
    options: dict[str, Any] = {}


class StageMapping(Options):
    """What a stage means: the status and probability of its deals, and what coming into it does.

    ``actions`` are done in this order, after the contact got the status.
    """

    local_status: Name | None = None
    probability: Percent
    actions: Annotated[list[WantedAction], Field(max_length=MOST_ACTIONS)] = []
    enabled: bool = True


def read(given: Mapping[str, Any]) -> StageMapping:
    """Checked as far as that takes no database. Raises ``InvalidData`` with what is wrong where."""
    try:
        mapping = TypeAdapter(StageMapping).validate_python(dict(given))
    except ValidationError as error:
        raise _invalid(_problems(error)) from None
    problems: dict[str, str] = {}
    for number, wanted in enumerate(mapping.actions):
        for place, words in _wrong_with(wanted):
            problems[".".join(("actions", str(number), *place))] = words
    if problems:
        raise _invalid(problems)
    return mapping


def put(
    database: Database,
    audit: AuditLog,
    workspace: str,
    crm: str,
    stage_id: int,
    mapping: StageMapping,
    who: str = "",
) -> None:
    """Store it, with a line in the audit log. Changes of stage count from now on.

    Raises ``UnknownStage`` and ``UnknownUser``.
    """
    _require_stage(database, workspace, crm, stage_id)
    _require_users(database, workspace, mapping.actions)
    before = store.get(database, workspace, crm, stage_id)
    said = mapping.model_dump()
    actions = said.pop("actions")
    with database.transaction() as connection:
        about = {"workspace": workspace, "crm": crm, "stage_id": stage_id, "who": who, **said}
        store.put(connection, about, actions)
        audit.note(
            _entry("stage_mapping.put", workspace, crm, stage_id, who, before, mapping), connection
        )


def remove(
    database: Database, audit: AuditLog, workspace: str, crm: str, stage_id: int, who: str = ""
) -> bool:
    """Whether there was one. What it has set off is done all the same."""
    before = store.get(database, workspace, crm, stage_id)
    with database.transaction() as connection:
        if not store.remove(connection, workspace, crm, stage_id):
            return False
        audit.note(
            _entry("stage_mapping.remove", workspace, crm, stage_id, who, before, None), connection
        )
    return True


def _wrong_with(wanted: WantedAction) -> Iterator[tuple[tuple[str, ...], str]]:
    action = discover().get(wanted.action)
    if action is None:
        names = ", ".join(discover())
        yield ("action",), f"there is no action {wanted.action!r}; there are {names}"
        return
    try:
        action.options.model_validate(wanted.options)
    except ValidationError as error:
        for place, words in _problems(error).items():
            yield ("options", *place.split(".")) if place else ("options",), words


def _require_stage(database: Database, workspace: str, crm: str, stage_id: int) -> None:
    known = store.known_stages(database, workspace, crm)
    if stage_id not in known:
        there = ", ".join(f"{number} {name}" for number, name in known.items())
        hint = f"there are {there}" if known else f"sync {crm}.stages first"
        raise UnknownStage(f"the mirror has no stage {stage_id}; {hint}", ("stage_id",))


def _require_users(database: Database, workspace: str, actions: Sequence[WantedAction]) -> None:
    named: dict[str, str] = {}
    for number, wanted in enumerate(actions):
        options = discover()[wanted.action].options.model_validate(wanted.options)
        for name in getattr(options, "users", ()):
            named.setdefault(name, f"actions.{number}.options")
    unknown = store.unknown_users(database, workspace, list(named))
    if unknown:
        raise UnknownUser(
            f"nobody of app.users is {', '.join(unknown)}: add them first, or name them by id or "
            "e-mail address as they are there",
            tuple(sorted({named[name] for name in unknown})),
        )


def _entry(
    action: str,
    workspace: str,
    crm: str,
    stage_id: int,
    who: str,
    before: Mapping[str, Any] | None,
    mapping: StageMapping | None,
) -> Entry:
    names = tuple(StageMapping.model_fields)
    was = before if before is not None and before["mapped"] else None
    return Entry(
        action,
        workspace,
        crm,
        f"stages/{stage_id}",
        before=None if was is None else {name: was[name] for name in names},
        after=None if mapping is None else mapping.model_dump(),
        who=who,
    )


def _problems(error: ValidationError) -> dict[str, str]:
    return {".".join(str(part) for part in one["loc"]): one["msg"] for one in error.errors()}


def _invalid(problems: Mapping[str, str]) -> InvalidData:
    words = "; ".join(f"{name or 'mapping'}: {why}" for name, why in problems.items())
    return InvalidData(words, tuple(name or "mapping" for name in problems))
