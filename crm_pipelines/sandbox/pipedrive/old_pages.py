"""v1 lists: numbered pages by ``start`` and ``limit``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive.old_shapes import old
from crm_pipelines.sandbox.pipedrive.operation import Call, success
from crm_pipelines.sandbox.pipedrive.records import Question, decode
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

Answer = Callable[[Call], Response]


def pager(name: str, *, flat: bool = False, archived: bool | None = None) -> Answer:
    """The list of a collection. ``flat``: paging keys stand in ``additional_data`` itself.

    Rows that the list begins with are simply passed over: a page moves when one of them goes.
    """

    def answer(call: Call) -> Response:
        question = Question(name)
        if COLLECTIONS[name].soft:
            question.require("gone = 0")
        if archived is not None:
            question.require("is_archived = ?", archived)
        for key in COLLECTIONS[name].columns:
            if key in call.query:
                question.require(f"{key} = ?", call.query[key])
        if "updated_since" in call.query:
            since = datetime.fromisoformat(call.query["updated_since"].replace("Z", "+00:00"))
            question.require("update_time >= ?", COLLECTIONS[name].write_time(since))
        question.sort, question.descending = call.query.get("sort", ("id", False))
        start, limit = window(call)
        question.offset, question.limit = start, limit + 1
        rows = call.company.records.select(question)
        data = [old(name, decode(row.body)) for row in rows[:limit]]
        return paged(data, start, limit, more=len(rows) > limit, flat=flat)

    return answer


def window(call: Call) -> tuple[int, int]:
    """Where the page starts and how long it is."""
    return call.query.get("start", 0), call.query.get("limit", 100)


def paged(data: Sequence[Any], start: int, limit: int, *, more: bool, flat: bool) -> Response:
    """A page in the v1 envelope; an empty one is ``null``."""
    paging: dict[str, Any] = {"start": start, "limit": limit, "more_items_in_collection": more}
    if flat:
        return success(list(data), additional_data=paging)
    if more:
        paging["next_start"] = start + limit
    return success(list(data) or None, additional_data={"pagination": paging})
