"""v2 operations on field definitions and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import marker
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.parameters import PAGE, Reader, choices
from crm_pipelines.sandbox.pipedrive.refusals import not_found

PATHS = {
    "personFields": "persons",
    "organizationFields": "organizations",
    "dealFields": "deals",
    "productFields": "products",
    "activityFields": "activities",
}
"""Path and the collection whose fields it lists."""

EXTRAS: dict[str, Reader] = {
    "include_fields": choices("ui_visibility", "important_fields", "required_fields")
}


def operations() -> Iterator[Operation]:
    """Fields of the five entities."""
    for path, collection in PATHS.items():
        query = {**EXTRAS, **PAGE}
        yield Operation("GET", f"/{path}", "fields", _lister(path, collection), query)
        yield Operation("GET", f"/{path}/{{code}}", "field", _getter(collection), EXTRAS)


def _lister(path: str, collection: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        bound_to = marker.fingerprint(path, call.query)
        after = 0
        if "cursor" in call.query:
            after = marker.read(call.query["cursor"], bound_to)[1]
        size = call.query.get("limit", 100)
        rest = [(n, f) for n, f in call.company.fields.numbered(collection) if n > after]
        page = rest[:size]
        following = None
        if len(rest) > size:
            last = page[-1][0]
            following = marker.write(bound_to, "id", descending=False, value=last, identity=last)
        return success([f for _, f in page], additional_data={"next_cursor": following})

    return answer


def _getter(collection: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        field = call.company.fields.get(collection, call.path["code"])
        if field is None:
            raise not_found("Field")
        return success(field)

    return answer
