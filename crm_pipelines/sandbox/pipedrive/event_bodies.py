"""What a webhook says: bodies of version 2.0 and of version 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.old_shapes import old
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

HOST = "sandbox.pipedrive.com"
OLD_ACTIONS = {"create": "added", "change": "updated", "delete": "deleted"}
RANGES = ("daterange", "timerange")
BY_ID = ("enum", "user", "org", "people")


def new_body(
    change: Change, types: Mapping[str, str], webhook: Record, event: str, attempt: int
) -> Record:
    """Version 2.0; ``types`` are the types of the custom fields, ``event`` the id of the event."""
    previous: Record | None = None
    if change.before is not None:
        previous = new_object(change.collection, change.before, types)
    data = None
    if change.after is not None:
        data = new_object(change.collection, change.after, types)
    if change.action == "change" and previous is not None and data is not None:
        previous = _differences(previous, data)
    return {
        "meta": _new_meta(change, webhook, event, attempt),
        "data": data,
        "previous": previous,
    }


def _new_meta(change: Change, webhook: Record, event: str, attempt: int) -> Record:
    entity, user = COLLECTIONS[change.collection].entity, str(change.author.user_id)
    moment = change.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{change.at.microsecond // 1000:03d}Z"
    meta: Record = {
        "action": change.action,
        "entity": entity,
        "company_id": "1",
        "correlation_id": f"correlation-{event}",
        "entity_id": str(change.identity),
        "id": event,
        "is_bulk_edit": False,
        "timestamp": int(change.at.timestamp()) if entity == "user" else moment,
        "type": webhook["type"],
        "user_id": user,
        "version": "2.0",
        "webhook_id": str(webhook["id"]),
        "webhook_owner_id": str(webhook["owner_id"]),
        "change_source": change.author.source,
        "attempt": attempt,
        "host": HOST,
        "permitted_user_ids": [str(number) for number in range(1, 9)],
    }
    if change.merged is not None:
        key = "merged_to_id" if change.action == "delete" else "merged_from_id"
        meta[key] = str(change.merged)
    return meta


def new_object(collection: str, record: Record, types: Mapping[str, str]) -> Record:
    """A record as webhooks show it, which is not how the API does."""
    if collection in ("pipelines", "stages"):
        return old(collection, record) or {}
    made = dict(record)
    if "visible_to" in made:
        made["visible_to"] = str(made["visible_to"])
    if collection == "deals":
        made.pop("is_deleted", None)
    if "custom_fields" in made:
        made["custom_fields"] = {
            code: _typed(types.get(code, "varchar"), value)
            for code, value in made["custom_fields"].items()
        }
    return made


def _typed(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind in BY_ID:
        return {"type": kind, "id": value}
    if kind == "set":
        return {"type": kind, "values": [{"id": one} for one in value]}
    if kind in RANGES:
        rest = {key: part for key, part in value.items() if key not in ("value", "until")}
        return {"type": kind, "from": value["value"], "until": value["until"], **rest}
    if isinstance(value, dict):
        return {"type": kind, **value}
    return {"type": kind, "value": value}


def _differences(before: Record, after: Record) -> Record:
    """The old values of what changed, custom fields one by one."""
    changed = {key: value for key, value in before.items() if after.get(key) != value}
    if "custom_fields" in changed:
        now = after["custom_fields"]
        old_values = changed["custom_fields"].items()
        changed["custom_fields"] = {k: v for k, v in old_values if now.get(k) != v}
    return changed


def old_body(change: Change, webhook: Record, event: str, attempt: int) -> Record:
    """Version 1.0; ``retry`` counts from 0."""
    entity = COLLECTIONS[change.collection].entity
    action = old_action(change)
    return {
        "v": 1,
        "matches_filters": {"current": [], "previous": []},
        "meta": {
            "v": 1,
            "action": action,
            "object": entity,
            "id": change.identity,
            "company_id": 1,
            "user_id": change.author.user_id,
            "host": HOST,
            "timestamp": int(change.at.timestamp()),
            "timestamp_micro": int(change.at.timestamp() * 1_000_000),
            "permitted_user_ids": list(range(1, 9)),
            "trans_pending": False,
            "is_bulk_update": False,
            "change_source": change.author.source,
            "webhook_id": str(webhook["id"]),
            "correlation_id": f"correlation-{event}",
        },
        "retry": attempt - 1,
        "current": old(change.collection, change.after),
        "previous": old(change.collection, change.before),
        "event": f"{action}.{entity}",
    }


def old_action(change: Change) -> str:
    """What version 1.0 calls it; a record that went into another is ``merged``."""
    merged = change.action == "delete" and change.merged is not None
    return "merged" if merged else OLD_ACTIONS[change.action]
