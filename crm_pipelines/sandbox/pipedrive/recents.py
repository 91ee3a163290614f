"""``/v1/recents``: what changed lately, one month back at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive.old_pages import window
from crm_pipelines.sandbox.pipedrive.old_shapes import old
from crm_pipelines.sandbox.pipedrive.operation import Call, success
from crm_pipelines.sandbox.pipedrive.records import Question, decode
from crm_pipelines.sandbox.pipedrive.refusals import bad_request, invalid
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

ITEMS = (
    "activity",
    "activityType",
    "deal",
    "file",
    "filter",
    "note",
    "person",
    "organization",
    "pipeline",
    "product",
    "stage",
)
LONGEST = timedelta(days=31)


def recents(call: Call) -> Response:
    """Records by update time, oldest first; those without such a time never appear."""
    since = _since(call)
    start, limit = window(call)
    found: list[tuple[str, str, Any, str]] = []
    for collection in COLLECTIONS.values():
        if collection.entity not in call.query.get("items", ITEMS):
            continue
        if "update_time" not in collection.sorts:
            continue
        question = Question(collection.name, sort="update_time", limit=start + limit + 1)
        question.require("update_time >= ?", collection.write_time(since))
        found += [
            (str(row.marker), collection.name, row.identity, row.body)
            for row in call.company.records.select(question)
        ]
    found.sort(key=lambda one: (one[0].replace("T", " ").rstrip("Z"), one[1], one[2]))
    page = found[start : start + limit]
    data = [
        {"item": COLLECTIONS[name].entity, "id": identity, "data": old(name, decode(body))}
        for _, name, identity, body in page
    ]
    paging: dict[str, Any] = {"start": start, "limit": limit}
    paging["more_items_in_collection"] = len(found) > start + limit
    if paging["more_items_in_collection"]:
        paging["next_start"] = start + limit
    last = page[-1][0].replace("T", " ").rstrip("Z") if page else None
    return success(
        data,
        additional_data={
            "since_timestamp": since.strftime("%Y-%m-%d %H:%M:%S"),
            "last_timestamp_on_page": last,
            "pagination": paging,
        },
    )


def _since(call: Call) -> datetime:
    if "since_timestamp" not in call.query:
        raise invalid('"since_timestamp" is required')
    try:
        text = call.query["since_timestamp"]
        since = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise invalid('"since_timestamp" must be YYYY-MM-DD HH:MM:SS') from None
    if since < call.company.clock.now() - LONGEST:
        raise bad_request("since_timestamp must not be more than 1 month ago")
    return since
