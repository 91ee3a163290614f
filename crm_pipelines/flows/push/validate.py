"""What cannot be written is said before anything is sent: field by field, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.shapes import CHECKS, Unfit
from crm_pipelines.model.command import Entity, Kind
from crm_pipelines.model.writable import FIELDS

RECORD = "*"
"""The name under which stands what is wrong with a record as a whole."""

NEEDED_IDS: Mapping[Entity, Sequence[str]] = {Entity.ACTIVITY: ("person_id",)}
"""What else a create from a local row cannot do without: whom it is about."""


def check(
    entity: Entity, kind: Kind, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Values as they are written, and what is wrong by field."""
    fields, problems = FIELDS[entity], dict[str, str]()
    checked: dict[str, Any] = {}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            problems[name] = f"{entity} has no such field; there are {', '.join(sorted(fields))}"
        elif value is None:
            if not field.clearable:
                problems[name] = "cannot be empty"
            checked[name] = None
        else:
            try:
                checked[name] = CHECKS[field.shape](value, field)
            except Unfit as unfit:
                problems[name] = str(unfit)
    if kind is Kind.CREATE:
        for name, field in fields.items():
            if field.needed and values.get(name) is None:
                problems.setdefault(name, "is needed")
    return checked, problems


def validate(prepared: Sequence[Prepared]) -> tuple[list[Prepared], list[Prepared]]:
    """Those that can be sent, and those that cannot, with their problems."""
    good: list[Prepared] = []
    bad: list[Prepared] = []
    for one in prepared:
        checked = _checked(one)
        (bad if checked.problems else good).append(checked)
    return good, bad


def _checked(one: Prepared) -> Prepared:
    if one.problems:
        return one
    command = one.command
    values, problems = check(command.entity, command.kind, one.values)
    if command.kind is Kind.CREATE and command.local_id is not None:
        for name in NEEDED_IDS.get(command.entity, ()):
            if values.get(name) is None:
                problems[name] = "is not in the CRM yet"
    if command.kind is Kind.UPDATE and one.remote_id is None and not problems:
        problems[RECORD] = f"the {command.entity} is not in the CRM: there is nothing to change"
    base, _ = check(command.entity, Kind.UPDATE, one.base)
    return replace(one, values=values, base=base, problems=problems)
