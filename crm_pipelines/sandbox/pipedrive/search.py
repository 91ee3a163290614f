"""v2 search: by words in one kind of record or in several, and by the value of one field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import found_items, marker
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.parameters import (
    Reader,
    boolean,
    choice,
    choices,
    integer,
    page_limit,
    search_limit,
    text,
)
from crm_pipelines.sandbox.pipedrive.refusals import invalid
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

PARTS: dict[str, tuple[str, ...]] = {
    "person": ("custom_fields", "email", "notes", "phone", "name"),
    "organization": ("address", "custom_fields", "notes", "name"),
    "deal": ("custom_fields", "notes", "title"),
    "product": ("code", "custom_fields", "name"),
    "lead": ("custom_fields", "notes", "title"),
}
"""What can be searched in each kind of item."""

NARROWING: dict[str, dict[str, Reader]] = {
    "person": {"organization_id": integer, "include_fields": choices("person.picture")},
    "organization": {},
    "deal": {
        "person_id": integer,
        "organization_id": integer,
        "status": choice("open", "won", "lost"),
        "include_fields": choices("deal.cc_email"),
    },
    "product": {"include_fields": choices("product.price")},
    "lead": {
        "person_id": integer,
        "organization_id": integer,
        "include_fields": choices("lead.was_seen"),
    },
}
"""Further parameters of each search."""

NAMES = {c.entity: c.name for c in COLLECTIONS.values() if c.entity in PARTS}
ALL_PARTS = sorted({part for parts in PARTS.values() for part in parts} | {"description"})
KINDS = (*PARTS, "file", "mail_attachment", "project")
TERM: dict[str, Reader] = {"term": text, "cursor": text}


def operations() -> Iterator[Operation]:
    """The seven searches."""
    for entity, parts in PARTS.items():
        query = {
            **TERM,
            "fields": choices(*parts),
            "exact_match": boolean,
            "limit": page_limit,
            **NARROWING[entity],
        }
        yield Operation("GET", f"/{NAMES[entity]}/search", "search", _searcher(entity), query)
    yield Operation("GET", "/itemSearch", "search", _search_items, _items_query())
    yield Operation("GET", "/itemSearch/field", "search", _search_field, _field_query())


def _items_query() -> dict[str, Reader]:
    return {
        **TERM,
        "item_types": choices(*KINDS),
        "fields": choices(*ALL_PARTS),
        "search_for_related_items": boolean,
        "exact_match": boolean,
        "include_fields": choices("deal.cc_email", "person.picture", "product.price"),
        "limit": search_limit,
    }


def _field_query() -> dict[str, Reader]:
    return {
        **TERM,
        "entity_type": choice("deal", "lead", "person", "organization", "product", "project"),
        "match": choice("exact", "beginning", "middle"),
        "field": text,
        "limit": page_limit,
    }


def _searcher(entity: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        parts = call.query.get("fields") or PARTS[entity]
        hits, following = _find(call, [entity], parts)
        items = [found_items.item(call, kind, identity) for kind, identity in hits]
        return success({"items": items}, additional_data={"next_cursor": following})

    return answer


def _search_items(call: Call) -> Response:
    entities = [kind for kind in call.query.get("item_types") or KINDS if kind in (*PARTS, "file")]
    hits, following = _find(call, entities, call.query.get("fields") or ALL_PARTS)
    items = [found_items.item(call, kind, identity) for kind, identity in hits]
    related = []
    if call.query.get("search_for_related_items"):
        related = found_items.related(call, hits)
    data = {"items": items, "related_items": related}
    return success(data, additional_data={"next_cursor": following})


def _search_field(call: Call) -> Response:
    query = call.query
    for name in ("entity_type", "field"):
        if name not in query:
            raise invalid(f'"{name}" is required')
    match, entity = query.get("match", "exact"), query["entity_type"]
    condition = {
        "exact": "value = ?",
        "beginning": "substr(value, 1, length(?)) = ?",
        "middle": "instr(value, ?) > 0",
    }[match]
    term = _term(query, exact=match == "exact")
    values = [term] * condition.count("?")
    hits, following = _select(
        call, [entity], f"code = ? AND {condition}", [query["field"], *values]
    )
    data = [found_items.item(call, kind, identity) for kind, identity in hits]
    return success(data, additional_data={"next_cursor": following})


def _term(query: Any, *, exact: bool) -> str:
    term = str(query.get("term", ""))
    if not term:
        raise invalid('"term" is required')
    if len(term) < (1 if exact else 2):
        raise invalid('"term" length must be at least 2 characters long')
    return term


def _find(
    call: Call, entities: Sequence[str], parts: Sequence[str]
) -> tuple[list[tuple[str, Any]], str | None]:
    exact = bool(call.query.get("exact_match"))
    term = _term(call.query, exact=exact).casefold()
    sql = f"part IN ({', '.join('?' * len(parts))}) AND "
    sql += "folded = ?" if exact else "instr(folded, ?) > 0"
    return _select(call, entities, sql, [*parts, term])


def _select(
    call: Call, entities: Sequence[str], condition: str, values: Sequence[Any]
) -> tuple[list[tuple[str, Any]], str | None]:
    """Hits of a page as entity and id, and the marker of the next page."""
    query, size = call.query, call.query.get("limit", 100)
    bound_to = marker.fingerprint("search" + ",".join(entities), query)
    after: tuple[Any, ...] = ()
    if "cursor" in query:
        after = marker.read(query["cursor"], bound_to)
    narrowing, narrow_values = _narrow(call, entities)
    seen_at = call.company.clock.now().timestamp() - call.company.limits["search_lag_seconds"]
    # Left alone, SQLite reads in the wished order instead of looking the value up.
    hint = "INDEXED BY pipedrive_search_folded" if "folded = ?" in condition else ""
    sql = (
        f"SELECT DISTINCT entity, id FROM pipedrive_search {hint}"  # noqa: S608
        f" WHERE entity IN ({', '.join('?' * len(entities))}) AND {condition}"
        " AND seen_from <= ? AND (seen_until IS NULL OR seen_until > ?)"
        f"{narrowing}{' AND (entity, id) > (?, ?)' if after else ''}"
        " ORDER BY entity, id LIMIT ?"
    )
    found = call.company.database.rows(
        sql, (*entities, *values, seen_at, seen_at, *narrow_values, *after, size + 1)
    )
    page = [(str(kind), identity) for kind, identity in found[:size]]
    if len(found) <= size:
        return page, None
    kind, identity = page[-1]
    return page, marker.write(bound_to, "id", descending=False, value=kind, identity=identity)


def _narrow(call: Call, entities: Sequence[str]) -> tuple[str, list[Any]]:
    sql, values = "", []
    table = COLLECTIONS[NAMES.get(entities[0], "files")].table if entities else ""
    column = {"organization_id": "org_id"} if entities != ["lead"] else {}
    for name in ("person_id", "organization_id", "status"):
        if name in call.query:
            key = column.get(name, name)
            sql += f" AND id IN (SELECT id FROM {table} WHERE {key} = ?)"  # noqa: S608
            values.append(call.query[name])
    return sql, values
