"""Fields shown only on request (``include_fields``): counted when asked for."""

from __future__ import annotations

from typing import Any

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record

KEYS = {"persons": "person_id", "organizations": "org_id", "deals": "deal_id"}
"""The key by which other records point at each."""

COUNTS: dict[str, tuple[str, str]] = {
    "activities_count": ("activities", "1"),
    "done_activities_count": ("activities", "done = 1"),
    "undone_activities_count": ("activities", "done = 0"),
    "notes_count": ("notes", "1"),
    "open_deals_count": ("deals", "status = 'open'"),
    "closed_deals_count": ("deals", "status IN ('won', 'lost')"),
    "won_deals_count": ("deals", "status = 'won'"),
    "lost_deals_count": ("deals", "status = 'lost'"),
    "people_count": ("persons", "1"),
}
"""What is counted, and under which condition."""

NEAREST = {"next_activity_id": ("done = 0", "ASC"), "last_activity_id": ("done = 1", "DESC")}


def optional(database: Database, collection: str, record: Record, name: str) -> Any:
    """The value of such a field; what the sandbox does not keep (mails, files) is 0 or null."""
    key = KEYS.get(collection)
    if name == "smart_bcc_email":
        return "sandbox@pipedrivemail.example.com"
    if name == "participants_count":
        return int(record.get("person_id") is not None)
    if name in COUNTS:
        counted, condition = COUNTS[name]
        sql = f"SELECT count(*) FROM {COLLECTIONS[counted].table}"  # noqa: S608
        sql += f" WHERE {key} = ? AND gone = 0 AND {condition}"
        return database.rows(sql, (record["id"],))[0][0]
    if name in NEAREST:
        condition, order = NEAREST[name]
        sql = f"SELECT id FROM {COLLECTIONS['activities'].table}"  # noqa: S608
        sql += f" WHERE {key} = ? AND gone = 0 AND {condition}"
        sql += f" ORDER BY coalesce(due_date, '') {order}, id LIMIT 1"
        found = database.rows(sql, (record["id"],))
        return found[0][0] if found else None
    return 0 if name.endswith("_count") else None
