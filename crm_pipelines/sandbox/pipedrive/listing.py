"""v2 lists: filters, sorting and keyset pages over stored JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import marker, shaping
from crm_pipelines.sandbox.pipedrive.operation import Call, success_of_text
from crm_pipelines.sandbox.pipedrive.records import Question, Row
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS

SAME = ("owner_id", "org_id", "person_id", "deal_id", "lead_id", "pipeline_id", "stage_id", "done")
"""Filters that compare a column of the same name."""


def lister(name: str, *, archived: bool | None = None) -> Callable[[Call], Response]:
    """The operation that lists a collection; deals in or out of the archive."""

    def answer(call: Call) -> Response:
        question = Question(name)
        if archived is not None:
            question.require("is_archived = ?", archived)
        _filter(question, call)
        return _page(question, call)

    return answer


def _filter(question: Question, call: Call) -> None:
    query = call.query
    _require_presence(question, call)
    if "filter_id" in query:
        condition = call.company.filters.condition(query["filter_id"], question.collection)
        question.require(condition.sql, *condition.values)
        return
    if "ids" in query:
        question.require(f"id IN ({', '.join('?' * len(query['ids']))})", *query["ids"])
    for name in SAME:
        if name in query:
            _require_same(question, name, query[name])
    key = "coalesce(update_time, '')"
    if "updated_since" in query:
        question.require(f"{key} >= ?", query["updated_since"])
    if "updated_until" in query:
        question.require(f"{key} < ? AND update_time IS NOT NULL", query["updated_until"])


def _require_same(question: Question, name: str, value: Any) -> None:
    columns = COLLECTIONS[question.collection].columns
    if name in columns:
        question.require(f"{name} = ?", value)
    else:  # persons of a deal: the link is kept on the deal
        deals = COLLECTIONS["deals"].table
        question.require(f"id IN (SELECT person_id FROM {deals} WHERE id = ?)", value)  # noqa: S608


def _require_presence(question: Question, call: Call) -> None:
    """Deleted records are out of every list, but deals can be asked for by status."""
    wanted = None if "filter_id" in call.query else call.query.get("status")
    if wanted is None:
        question.require("gone = 0")
        return
    alive = [status for status in wanted if status != "deleted"]
    parts = [f"(gone = 0 AND status IN ({', '.join('?' * len(alive))}))"] if alive else []
    values: list[Any] = list(alive)
    if "deleted" in wanted:
        oldest = call.company.clock.now() - timedelta(days=call.company.limits["purge_days"])
        parts.append("(gone = 1 AND update_time >= ?)")
        values.append(oldest.strftime("%Y-%m-%dT%H:%M:%SZ"))
    question.require(f"({' OR '.join(parts)})", *values)


def _page(question: Question, call: Call) -> Response:
    query = call.query
    size = query.get("limit", 100)
    question.sort = query.get("sort_by", "id")
    question.descending = query.get("sort_direction", "asc") == "desc"
    question.limit = size + 1
    bound_to = marker.fingerprint(question.collection, query)
    if "cursor" in query:
        question.after = marker.read(query["cursor"], bound_to)
    rows = call.company.records.select(question)
    page = rows[:size]
    after = _after(question, page, bound_to) if len(rows) > size else None
    if call.fault is not None and call.fault.kind == "short_page":
        page = page[: len(page) - max(1, len(page) // 10)]
    bodies = shaping.shape(call, question.collection, page)
    return success_of_text(bodies, {"next_cursor": after})


def _after(question: Question, page: Sequence[Row], bound_to: str) -> str:
    last = page[-1]
    return marker.write(
        bound_to,
        question.sort,
        descending=question.descending,
        value=last.marker,
        identity=last.identity,
    )
