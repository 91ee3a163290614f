"""What follows from a change by itself: split names, stages of pipelines, times of outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crm_pipelines.sandbox.pipedrive.records import Question, Records
from crm_pipelines.sandbox.pipedrive.schema import Record

Rule = Callable[[Record | None, Record, Record, str, Records], None]
"""Before (none for a new record), after, what was given, now, all records; changes ``after``."""


def _person(before: Record | None, after: Record, given: Record, now: str, _: Records) -> None:
    if "name" in given and not {"first_name", "last_name"} & set(given):
        first, _blank, last = str(given["name"]).strip().partition(" ")
        after["first_name"], after["last_name"] = (first, last or None)
    elif "name" not in given and {"first_name", "last_name"} & set(given):
        parts = (after.get("first_name"), after.get("last_name"))
        after["name"] = " ".join(part for part in parts if part)
    for key in ("emails", "phones"):
        after[key] = _primary_first(after.get(key) or [])


def _primary_first(contacts: list[Record]) -> list[Record]:
    """One is primary: the one marked, otherwise the first."""
    marked = next((i for i, one in enumerate(contacts) if one.get("primary")), 0)
    return [
        {"value": one["value"], "primary": i == marked, "label": one.get("label") or "work"}
        for i, one in enumerate(contacts)
    ]


def _deal(before: Record | None, after: Record, given: Record, now: str, records: Records) -> None:
    old = before or {}
    if "stage_id" in given:
        stage = records.get("stages", after["stage_id"])
        after["pipeline_id"] = stage["pipeline_id"] if stage else after["pipeline_id"]
    elif "pipeline_id" in given and old.get("pipeline_id") != after["pipeline_id"]:
        after["stage_id"] = _first_stage(records, after["pipeline_id"])
    if before and old["stage_id"] != after["stage_id"]:
        after["stage_change_time"] = now
    if after["status"] != old.get("status", "open"):
        for key, status in (("won_time", "won"), ("lost_time", "lost")):
            if key not in given:
                after[key] = now if after["status"] == status else None
        if "close_time" not in given:
            after["close_time"] = now if after["status"] in ("won", "lost") else None
        if after["status"] != "lost":
            after["lost_reason"] = None
    if after["is_archived"] != old.get("is_archived", False) and "archive_time" not in given:
        after["archive_time"] = now if after["is_archived"] else None


def _first_stage(records: Records, pipeline: Any) -> Any:
    question = Question("stages", sort="order_nr", limit=1)
    question.require("gone = 0 AND pipeline_id = ?", pipeline)
    found = records.select(question)
    return found[0].identity if found else None


def _activity(before: Record | None, after: Record, given: Record, now: str, _: Records) -> None:
    if "participants" in given:
        people = after["participants"] or []
        marked = next((i for i, one in enumerate(people) if one.get("primary")), 0)
        after["participants"] = [
            {"person_id": one["person_id"], "primary": i == marked} for i, one in enumerate(people)
        ]
        after["person_id"] = people[marked]["person_id"] if people else None
    elif "person_id" in given:
        person = after["person_id"]
        after["participants"] = [{"person_id": person, "primary": True}] if person else []
    if bool((before or {}).get("done")) != after["done"]:
        after["marked_as_done_time"] = now if after["done"] else None
    for key in ("due_time", "duration"):
        if isinstance(after.get(key), str) and len(after[key]) == 5:
            after[key] += ":00"


def _ordered(before: Record | None, after: Record, given: Record, now: str, all_: Records) -> None:
    if before is None and "order_nr" not in given:
        name = "stages" if "pipeline_id" in after else "pipelines"
        taken = (
            one["order_nr"]
            for one in all_.each(name)
            if one.get("pipeline_id") == after.get("pipeline_id")
        )
        after["order_nr"] = max(taken, default=0) + 1


RULES: dict[str, Rule] = {
    "persons": _person,
    "deals": _deal,
    "activities": _activity,
    "pipelines": _ordered,
    "stages": _ordered,
}
"""By collection."""
