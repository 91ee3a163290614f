"""Records as v1 shows them, where v1 and v2 differ: recents, old webhooks, old endpoints."""

from __future__ import annotations

from typing import Any

from crm_pipelines.sandbox.pipedrive.schema import Record

CORE = ("persons", "organizations", "deals", "activities", "products", "pipelines", "stages")
"""Collections that v2 shows otherwise than v1."""

RENAMED: dict[str, dict[str, str]] = {
    "persons": {"emails": "email", "phones": "phone"},
    "deals": {"owner_id": "user_id"},
    "activities": {"owner_id": "user_id", "creator_user_id": "created_by_user_id"},
}
_TIMES = (
    "add_time",
    "update_time",
    "won_time",
    "lost_time",
    "close_time",
    "stage_change_time",
    "marked_as_done_time",
    "archive_time",
)


def old(collection: str, record: Record | None) -> Record | None:
    """The v1 object of a record."""
    if record is None or collection not in CORE:
        return record
    names = RENAMED.get(collection, {})
    made = {
        names.get(key, key): _value(key, value)
        for key, value in record.items()
        if key not in ("is_deleted", "custom_fields", "label_ids")
    }
    made["active_flag"] = not record["is_deleted"]
    if "label_ids" in record:
        made["label"] = record["label_ids"][0] if record["label_ids"] else None
        made["label_ids"] = record["label_ids"]
    return {**made, **_flattened(record.get("custom_fields") or {})}


def flat_values(custom: Record) -> Record:
    """Custom values as leads show them: those that are set, beside the other keys."""
    return _flattened({code: value for code, value in custom.items() if value is not None})


def _flattened(custom: Record) -> Record:
    return {key: part for code, value in custom.items() for key, part in _flat(code, value).items()}


def _value(key: str, value: Any) -> Any:
    if key in _TIMES and isinstance(value, str):
        return value.replace("T", " ").removesuffix("Z")
    if key == "visible_to":
        return str(value)
    return value


def _flat(code: str, value: Any) -> Record:
    """v1 keeps parts of a value beside it, under the hash with a suffix."""
    if isinstance(value, dict):
        return {
            code if part == "value" else f"{code}_{part}": inner for part, inner in value.items()
        }
    if isinstance(value, list):
        return {code: ",".join(map(str, value))}
    return {code: str(value) if isinstance(value, int) else value}
