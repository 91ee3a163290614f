"""The operations of API v2, declared."""

from __future__ import annotations

from collections.abc import Iterator

from crm_pipelines.sandbox.pipedrive import field_operations, items, search
from crm_pipelines.sandbox.pipedrive.costs import Kind
from crm_pipelines.sandbox.pipedrive.listing import lister
from crm_pipelines.sandbox.pipedrive.operation import Operation
from crm_pipelines.sandbox.pipedrive.parameters import (
    PAGE,
    Reader,
    boolean,
    choice,
    choices,
    hashes,
    identities,
    integer,
    moment,
    text,
)
from crm_pipelines.sandbox.pipedrive.population.system_fields import OPTIONAL

WINDOW: dict[str, Reader] = {"updated_since": moment, "updated_until": moment}
CUSTOM: dict[str, Reader] = {"custom_fields": hashes}
LABELS: dict[str, Reader] = {"include_option_labels": boolean, "include_labels": boolean}
NARROW: dict[str, Reader] = {"filter_id": integer, "ids": identities, "owner_id": integer}
DEAL_FILTERS: dict[str, Reader] = {
    "person_id": integer,
    "org_id": integer,
    "pipeline_id": integer,
    "stage_id": integer,
    "status": choices("open", "won", "lost", "deleted"),
}


def _sorted_by(*keys: str) -> dict[str, Reader]:
    return {"sort_by": choice("id", *keys), "sort_direction": choice("asc", "desc")}


def _optional(collection: str) -> dict[str, Reader]:
    return {"include_fields": choices(*OPTIONAL[collection])}


BY_TIME = _sorted_by("update_time", "add_time")

LISTS: tuple[tuple[str, str, Kind, bool | None, dict[str, Reader]], ...] = (
    (
        "/persons",
        "persons",
        "list",
        None,
        {
            **NARROW,
            "org_id": integer,
            "deal_id": integer,
            **WINDOW,
            **BY_TIME,
            **_optional("persons"),
            **CUSTOM,
            **LABELS,
        },
    ),
    (
        "/organizations",
        "organizations",
        "list",
        None,
        {**NARROW, **WINDOW, **BY_TIME, **_optional("organizations"), **CUSTOM, **LABELS},
    ),
    (
        "/deals",
        "deals",
        "list",
        False,
        {**NARROW, **DEAL_FILTERS, **WINDOW, **BY_TIME, **_optional("deals"), **CUSTOM, **LABELS},
    ),
    (
        "/deals/archived",
        "deals",
        "list_archived",
        True,
        {**NARROW, **DEAL_FILTERS, **WINDOW, **BY_TIME, **_optional("deals"), **CUSTOM, **LABELS},
    ),
    (
        "/activities",
        "activities",
        "list",
        None,
        {
            **NARROW,
            "deal_id": integer,
            "lead_id": text,
            "person_id": integer,
            "org_id": integer,
            "done": boolean,
            **WINDOW,
            **_sorted_by("update_time", "add_time", "due_date"),
            **_optional("activities"),
        },
    ),
    (
        "/products",
        "products",
        "list",
        None,
        {
            **NARROW,
            "updated_since": moment,
            **_sorted_by("name", "add_time", "update_time"),
            **CUSTOM,
        },
    ),
    ("/pipelines", "pipelines", "list_small", None, BY_TIME),
    (
        "/stages",
        "stages",
        "list_small",
        None,
        {"pipeline_id": integer, **_sorted_by("update_time", "add_time", "order_nr")},
    ),
)
"""Path, collection, price, archive, parameters beside those of paging."""

ONE: dict[str, dict[str, Reader]] = {
    "persons": {**_optional("persons"), **CUSTOM, **LABELS},
    "organizations": {**_optional("organizations"), **CUSTOM, **LABELS},
    "deals": {**_optional("deals"), **CUSTOM, **LABELS},
    "activities": _optional("activities"),
    "products": {},
    "pipelines": {},
    "stages": {},
}
"""Parameters of getting one record, by collection."""


def operations() -> Iterator[Operation]:
    """Everything under ``/api/v2``."""
    for path, name, cost, archived, query in LISTS:
        yield Operation("GET", path, cost, lister(name, archived=archived), {**query, **PAGE})
    for name, query in ONE.items():
        yield Operation("GET", f"/{name}/{{id}}", "one", items.getter(name), query)
        yield from items.operations(name)
    yield from search.operations()
    yield from field_operations.operations()
