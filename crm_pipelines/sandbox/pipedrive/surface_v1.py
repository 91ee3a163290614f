"""The operations of API v1, declared: those that have no successor, and those that are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import change_log, hooks, old_items
from crm_pipelines.sandbox.pipedrive.costs import Kind
from crm_pipelines.sandbox.pipedrive.features import missing
from crm_pipelines.sandbox.pipedrive.items import author, find
from crm_pipelines.sandbox.pipedrive.old_pages import paged, pager, window
from crm_pipelines.sandbox.pipedrive.old_shapes import old
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.parameters import (
    V1_PAGE,
    Reader,
    choice,
    choices,
    file_limit,
    flag,
    integer,
    moment,
    order,
    text,
)
from crm_pipelines.sandbox.pipedrive.recents import ITEMS, recents
from crm_pipelines.sandbox.pipedrive.refusals import invalid, not_found, out_of_support
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

Answer = Callable[[Call], Response]

LEADS: dict[str, Reader] = {
    **V1_PAGE,
    "owner_id": integer,
    "person_id": integer,
    "organization_id": integer,
    "sort": order("id", "update_time", "add_time"),
}
NOTES: dict[str, Reader] = {
    **V1_PAGE,
    "user_id": integer,
    "lead_id": text,
    "deal_id": integer,
    "person_id": integer,
    "org_id": integer,
    "updated_since": moment,
    "sort": order("id", "update_time", "add_time"),
}
FILES: dict[str, Reader] = {
    **V1_PAGE,
    "limit": file_limit,
    "sort": order("id", "update_time"),
}
FIELDS = {"dealFields": "deals", "personFields": "persons", "organizationFields": "organizations"}
SUPERSEDED = ("persons", "organizations", "deals", "activities", "products", "pipelines", "stages")


def operations() -> Iterator[Operation]:
    """Everything under ``/v1`` and ``/api/v1``."""
    for method, path, kind, answer, query in _table():
        yield Operation(method, path, kind, answer, query, "v1")
    for name in old_items.WRITES:
        yield from old_items.operations(name)
    yield from hooks.operations()
    yield from change_log.operations()
    for name in ("persons", "organizations", "deals"):
        yield Operation("PUT", f"/{name}/{{id}}/merge", "merge", _merger(name), {}, "v1")
    for name in SUPERSEDED:
        yield from _superseded(name)


def _table() -> Iterator[tuple[str, str, Kind, Answer, dict[str, Reader]]]:
    yield "GET", "/users", "list", _whole("users"), {}
    yield "GET", "/users/me", "one", _me, {}
    yield "GET", "/users/find", "user_find", _find_users, {"term": text, "search_by_email": flag}
    yield "GET", "/users/{id}", "one", lambda call: success(find(call, "users")), {}
    yield "GET", "/currencies", "list", _currencies, {"term": text}
    yield "GET", "/activityTypes", "list", _whole("activityTypes"), {}
    yield "GET", "/leadLabels", "list", _whole("leadLabels"), {}
    leads: dict[str, Reader] = {**LEADS, "updated_since": moment}
    yield "GET", "/leads", "list", pager("leads", flat=True, archived=False), leads
    yield "GET", "/leads/archived", "list_archived", pager("leads", flat=True, archived=True), LEADS
    yield "GET", "/notes", "list", pager("notes"), NOTES
    yield "GET", "/files", "list", pager("files"), FILES
    kinds = choice("deals", "leads", "org", "people", "products", "activity", "projects")
    yield "GET", "/filters", "list", _filters, {"type": kinds}
    since: dict[str, Reader] = {"since_timestamp": text, "items": choices(*ITEMS), **V1_PAGE}
    yield "GET", "/recents", "list", recents, since
    for path, collection in FIELDS.items():
        yield "GET", f"/{path}", "fields", _fields(collection), V1_PAGE
    yield "GET", "/leadFields", "fields", _fields("deals"), V1_PAGE
    yield "GET", "/noteFields", "fields", _note_fields, {}


def _whole(name: str) -> Answer:
    """These lists have no pages."""
    return lambda call: success(list(call.company.records.each(name)))


def _filters(call: Call) -> Response:
    """Without their conditions, which only a single filter shows; no pages."""
    every = call.company.records.each("filters")
    kind = call.query.get("type")
    shown = [one for one in every if kind in (None, one["type"])]
    return success([{k: v for k, v in one.items() if k != "conditions"} for one in shown])


def _me(call: Call) -> Response:
    user = call.company.records.get("users", call.caller.user_id) or {}
    return success(
        {
            **user,
            "company_id": 1,
            "company_name": "Sandbox company",
            "company_domain": "sandbox",
            "company_country": "EE",
            "company_industry": None,
            "language": {"language_code": "en", "country_code": "US"},
        }
    )


def _find_users(call: Call) -> Response:
    term = call.query.get("term", "").casefold()
    if not term:
        raise invalid('"term" is required')
    keys = ("email",) if call.query.get("search_by_email") else ("name", "email")
    users = call.company.records.each("users")
    return success([u for u in users if any(term in str(u[key]).casefold() for key in keys)])


def _currencies(call: Call) -> Response:
    term = call.query.get("term", "").casefold()
    every = call.company.records.each("currencies")
    return success([c for c in every if term in c["name"].casefold() or term == c["code"].lower()])


def _fields(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        start, limit = window(call)
        every = [
            {
                "id": number,
                "key": field["field_code"],
                "name": field["field_name"],
                "field_type": field["field_type"],
                "edit_flag": field["is_custom_field"],
                "active_flag": True,
                "options": field["options"] or [],
            }
            for number, field in call.company.fields.numbered(collection)
            if field["field_code"] not in missing(call.company, collection)
        ]
        page = every[start : start + limit]
        return paged(page, start, limit, more=len(every) > start + limit, flat=True)

    return answer


def _note_fields(_: Call) -> Response:
    names = ("content", "deal_id", "person_id", "org_id", "lead_id", "user_id", "add_time")
    return success(
        [
            {"id": None, "key": name, "name": name, "field_type": "varchar", "active_flag": True}
            for name in names
        ]
    )


def _merger(name: str) -> Answer:
    """The record in the address disappears."""

    def answer(call: Call) -> Response:
        leaving = find(call, name)
        into = call.body.get("merge_with_id") if isinstance(call.body, dict) else None
        if isinstance(into, bool) or not isinstance(into, int) or into == leaving["id"]:
            raise invalid('"merge_with_id" must be the id of another record')
        staying = call.company.records.get(name, into)
        if staying is None or staying["is_deleted"]:
            raise not_found(COLLECTIONS[name].entity.capitalize())
        merged = call.company.changes.merge(name, leaving["id"], into, author(call))
        return success({**(old(name, merged) or {}), "merge_what_id": leaving["id"]})

    return answer


def _superseded(name: str) -> Iterator[Operation]:
    """Over, unless the limit keeps them alive: then lists and single records still answer."""
    listing, single = pager(name), _old_one(name)
    cost: Kind = "list_small" if name in ("pipelines", "stages") else "list"
    yield Operation("GET", f"/{name}", cost, _while_alive(name, listing), V1_PAGE, "v1")
    yield Operation("GET", f"/{name}/{{id}}", "one", _while_alive(name, single), {}, "v1")
    yield Operation("POST", f"/{name}", "create", _over(name), {}, "v1")
    yield Operation("PUT", f"/{name}/{{id}}", "update", _over(name), {}, "v1")
    yield Operation("DELETE", f"/{name}/{{id}}", "delete", _over(name), {}, "v1")


def _old_one(name: str) -> Answer:
    return lambda call: success(old(name, find(call, name)))


def _while_alive(name: str, inner: Answer) -> Answer:
    def answer(call: Call) -> Response:
        if not call.company.limits["deprecated_v1"]:
            raise out_of_support(f"/api/v2/{name}")
        return inner(call)

    return answer


def _over(name: str) -> Answer:
    def answer(call: Call) -> Response:
        raise out_of_support(f"/api/v2/{name}")

    return answer
