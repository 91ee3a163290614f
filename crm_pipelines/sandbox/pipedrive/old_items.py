"""v1 writes to the collections that have no v2: checked, then changed like everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive.custom_values import currency
from crm_pipelines.sandbox.pipedrive.items import author, find
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.refusals import invalid
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.pipedrive.values import (
    Check,
    boolean,
    day,
    listed,
    nullable,
    number,
    one_of,
    reference,
    shape,
    text,
    whole,
)

Answer = Callable[[Call], Response]

name = text(255, empty=False)
flag = one_of(0, 1)
pins = {
    f"pinned_to_{what}_flag": flag
    for what in ("lead", "deal", "organization", "person", "project", "task")
}
lead_keys: dict[str, Check] = {
    "title": name,
    "owner_id": reference("users"),
    "label_ids": listed(reference("leadLabels")),
    "person_id": nullable(reference("persons")),
    "organization_id": nullable(reference("organizations")),
    "is_archived": boolean,
    "value": nullable(shape({"amount": number, "currency": currency}, {})),
    "expected_close_date": nullable(day),
    "visible_to": one_of("1", "3", "5", "7"),
    "was_seen": boolean,
    "channel": nullable(whole),
    "channel_id": nullable(text(255)),
    "origin_id": nullable(text(255)),
}
colors = one_of("green", "blue", "red", "yellow", "purple", "gray", "brown", "dark-gray", "orange")


def _conditions(value: object, _: object) -> object:
    if not isinstance(value, dict) or not isinstance(value.get("conditions"), list):
        raise ValueError("must be an object with a list of conditions")
    return value


WRITES: dict[str, tuple[str, tuple[str, ...], Mapping[str, Check]]] = {
    "leads": ("PATCH", ("title",), lead_keys),
    "leadLabels": ("PATCH", ("name", "color"), {"name": name, "color": colors}),
    "notes": (
        "PUT",
        ("content",),
        {
            "content": text(),
            "lead_id": nullable(reference("leads")),
            "deal_id": nullable(reference("deals")),
            "person_id": nullable(reference("persons")),
            "org_id": nullable(reference("organizations")),
            "user_id": reference("users"),
            **pins,
        },
    ),
    "activityTypes": (
        "PUT",
        ("name", "icon_key"),
        {"name": name, "icon_key": text(50), "color": nullable(text(6)), "order_nr": whole},
    ),
    "filters": (
        "PUT",
        ("name", "conditions", "type"),
        {
            "name": name,
            "conditions": _conditions,
            "type": one_of("deals", "leads", "org", "people", "products", "activity", "projects"),
        },
    ),
    "files": ("PUT", (), {"name": name, "description": nullable(text())}),
}
"""How each is updated, what a new one needs, and what may be given."""


def operations(collection: str) -> Iterator[Operation]:
    """Get one, create, update, delete. Files are not created here: their content is not kept."""
    update, needs, keys = WRITES[collection]
    one = f"/{collection}/{{id}}"
    yield Operation("GET", one, "one", _getter(collection), version="v1")
    if needs:
        creator = _creator(collection, needs, keys)
        yield Operation("POST", f"/{collection}", "create", creator, version="v1")
    yield Operation(update, one, "update", _updater(collection, keys), version="v1")
    yield Operation("DELETE", one, "delete", _deleter(collection), version="v1")


def _getter(collection: str) -> Answer:
    return lambda call: success(find(call, collection))


def _creator(collection: str, needs: tuple[str, ...], keys: Mapping[str, Check]) -> Answer:
    status = 201 if collection in ("leads", "leadLabels") else 200

    def answer(call: Call) -> Response:
        given = _read(call, needs, keys)
        if collection == "leads" and not {"person_id", "organization_id"} & set(given):
            raise invalid("a lead needs person_id or organization_id")
        if collection == "notes" and not set(given) & {"lead_id", "deal_id", "person_id", "org_id"}:
            raise invalid("a note needs lead_id, deal_id, person_id or org_id")
        if collection == "activityTypes":
            given["key_string"] = str(given["name"]).strip().lower().replace(" ", "_")
        return success(call.company.changes.create(collection, given, author(call)), status)

    return answer


def _updater(collection: str, keys: Mapping[str, Check]) -> Answer:
    def answer(call: Call) -> Response:
        record, given = find(call, collection), _read(call, (), keys)
        return success(call.company.changes.edit(collection, record["id"], given, author(call)))

    return answer


def _deleter(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        record = find(call, collection)
        call.company.changes.delete(collection, record["id"], author(call))
        return success(True if collection == "notes" else {"id": record["id"]})

    return answer


def _read(call: Call, needs: tuple[str, ...], keys: Mapping[str, Check]) -> Record:
    try:
        required = {key: keys[key] for key in needs}
        given: Record = shape(required, keys)(call.body, call.company)
    except ValueError as error:
        raise invalid(str(error)) from None
    return {key: bool(value) if key in pins else value for key, value in given.items()}
