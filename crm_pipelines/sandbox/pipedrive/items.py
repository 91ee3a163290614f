"""v2 operations on one record."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import shaping
from crm_pipelines.sandbox.pipedrive.operation import Call, success
from crm_pipelines.sandbox.pipedrive.refusals import invalid, not_found
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record


def number(call: Call) -> int:
    """The id in the address. Raises a ``Refusal`` (400)."""
    text = call.path["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise invalid('"id" must be a positive integer')
    return int(text)


def find(call: Call, name: str) -> Record:
    """The record in the address, deleted ones only where the limit says so (404 otherwise)."""
    collection = COLLECTIONS[name]
    record = call.company.records.get(name, number(call))
    if record is None or (collection.is_gone(record) and not call.company.limits["get_deleted"]):
        raise not_found(collection.entity.capitalize())
    return record


def getter(name: str) -> Callable[[Call], Response]:
    """The operation that shows one record."""

    def answer(call: Call) -> Response:
        return success(shaping.shaped(call, name, find(call, name)))

    return answer
