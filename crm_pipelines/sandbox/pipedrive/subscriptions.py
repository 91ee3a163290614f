"""Which webhook hears of which change: by object, action, and what its user may see."""

from __future__ import annotations

from crm_pipelines.sandbox.pipedrive import event_bodies
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

SILENT = ("webhooks", "currencies", "filters", "files", "leadLabels")
"""Collections that no event is about."""

OWNER_ONLY = "1"


def wants(webhook: Record, change: Change, records: Records) -> bool:
    """Whether a webhook is told of a change."""
    entity = COLLECTIONS[change.collection].entity
    action: str = change.action
    if webhook["version"] == "1.0":
        action = event_bodies.old_action(change)
    elif entity == "activityType":
        return False
    return (
        bool(webhook["is_active"])
        and webhook["event_object"] in ("*", entity)
        and webhook["event_action"] in ("*", action)
        and _sees(webhook["user_id"], change.after or change.before or {}, records)
    )


def _sees(user_id: int, record: Record, records: Records) -> bool:
    """A record of its owner alone is shown to them and to administrators."""
    if str(record.get("visible_to")) != OWNER_ONLY or record.get("owner_id") in (None, user_id):
        return True
    user = records.get("users", user_id)
    return user is not None and bool(user["is_admin"])
