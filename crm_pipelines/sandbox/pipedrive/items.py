"""v2 operations on one record: get, create, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import bodies, shaping
from crm_pipelines.sandbox.pipedrive.changes import Author
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.refusals import (
    bad_request,
    forbidden,
    invalid,
    not_found,
)
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record


def operations(name: str) -> Iterator[Operation]:
    """Create, update and delete of a collection."""
    yield Operation("POST", f"/{name}", "create", _creator(name))
    yield Operation("PATCH", f"/{name}/{{id}}", "update", _updater(name))
    yield Operation("DELETE", f"/{name}/{{id}}", "delete", _deleter(name))


def number(call: Call) -> int:
    """The id in the address. Raises a ``Refusal`` (400)."""
    text = call.path["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise invalid('"id" must be a positive integer')
    return int(text)


def find(call: Call, name: str, *, deleted: bool = False) -> Record:
    """The record in the address; deleted ones on request (404 otherwise)."""
    collection = COLLECTIONS[name]
    identity = number(call) if collection.identity == "number" else call.path["id"]
    record = call.company.records.get(name, identity)
    if record is None or (collection.is_gone(record) and not deleted):
        raise not_found(collection.entity.capitalize())
    return record


def author(call: Call) -> Author:
    """The caller as the one who changes."""
    return Author(call.caller.user_id, "api")


def getter(name: str) -> Callable[[Call], Response]:
    """The operation that shows one record."""

    def answer(call: Call) -> Response:
        record = find(call, name, deleted=bool(call.company.limits["get_deleted"]))
        return success(shaping.shaped(call, name, record))

    return answer


def _creator(name: str) -> Callable[[Call], Response]:
    status = 201 if name == "products" else 200

    def answer(call: Call) -> Response:
        given = bodies.read(call.company, name, call.body, create=True)
        _check_deal(name, {"status": "open", **given}, given)
        _require_room(call, name)
        given.setdefault("owner_id", call.caller.user_id)
        if name in ("pipelines", "stages"):
            del given["owner_id"]
        record = call.company.changes.create(name, given, author(call))
        return success(shaping.shaped(call, name, record), status)

    return answer


def _updater(name: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        record = find(call, name)
        given = bodies.read(call.company, name, call.body, create=False)
        _check_deal(name, {**record, **given}, given)
        changed = call.company.changes.edit(name, record["id"], given, author(call))
        return success(shaping.shaped(call, name, changed))

    return answer


def _deleter(name: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        record = find(call, name)
        call.company.changes.delete(name, record["id"], author(call))
        return success({"id": record["id"]})

    return answer


def _require_room(call: Call, name: str) -> None:
    most = call.company.limits["most_deals"] if name == "deals" else 0
    if most and call.company.records.count(name) >= most:
        raise forbidden("The deals limit of this plan is reached", "feature_capping_deals_limit")


def _check_deal(name: str, after: Record, given: Record) -> None:
    if name != "deals":
        return
    for key, status in (("lost_reason", "lost"), ("won_time", "won"), ("lost_time", "lost")):
        if given.get(key) is not None and after["status"] != status:
            raise bad_request(f"{key} can only be set for a deal that is {status}")
