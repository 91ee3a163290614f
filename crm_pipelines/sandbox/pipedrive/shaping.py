"""What a record looks like on request: chosen custom fields, option labels, optional fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_pipelines.sandbox.pipedrive.features import missing
from crm_pipelines.sandbox.pipedrive.operation import Call
from crm_pipelines.sandbox.pipedrive.optional_fields import optional
from crm_pipelines.sandbox.pipedrive.records import Row, decode, encode
from crm_pipelines.sandbox.pipedrive.schema import Record

WISHES = ("custom_fields", "include_option_labels", "include_labels", "include_fields")


def shape(call: Call, collection: str, rows: Sequence[Row]) -> list[str]:
    """The JSON texts of a page; untouched where nothing special was asked for."""
    hidden = collection == "activities" or missing(call.company, collection)
    if not hidden and not any(call.query.get(wish) for wish in WISHES):
        return [row.body for row in rows]
    return [encode(shaped(call, collection, decode(row.body))).decode() for row in rows]


def shaped(call: Call, collection: str, record: Record) -> Record:
    """One record as the query wants it."""
    query, entity = call.query, collection
    if collection == "activities" and "attendees" not in query.get("include_fields", ()):
        record.pop("attendees", None)
    for name in missing(call.company, collection):
        record.pop(name, None)
    if "custom_fields" in query and "custom_fields" in record:
        chosen = query["custom_fields"]
        record["custom_fields"] = {k: v for k, v in record["custom_fields"].items() if k in chosen}
    if query.get("include_option_labels"):
        labels = call.company.fields.option_labels(entity)
        values = record.get("custom_fields", {})
        record["custom_fields"] = {k: _labelled(v, labels.get(k)) for k, v in values.items()}
    if query.get("include_labels"):
        known = call.company.fields.option_labels(entity).get("label_ids", {})
        record["labels"] = [
            {"id": i, "label": known[i]} for i in record.get("label_ids") or () if i in known
        ]
    for name in query.get("include_fields", ()):
        if name not in record:
            record[name] = optional(call.company.database, collection, record, name)
    return record


def _labelled(value: Any, labels: dict[Any, str] | None) -> Any:
    if value is None or labels is None:
        return value
    if isinstance(value, list):
        return [{"id": one, "label": labels.get(one)} for one in value]
    return {"id": value, "label": labels.get(value)}
