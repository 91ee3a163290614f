"""The fields every company has, before its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crm_pipelines.sandbox.pipedrive.definition import definition
from crm_pipelines.sandbox.pipedrive.population.entities import (
    ACTIVITY_TYPES,
    DEAL_LABELS,
    ORGANIZATION_LABELS,
    PERSON_LABELS,
)
from crm_pipelines.sandbox.pipedrive.population.words import several
from crm_pipelines.sandbox.pipedrive.schema import Record

VISIBLE = {1: "Owner", 3: "Owner's group", 5: "Group and subgroups", 7: "Entire company"}
STATUS = {"open": "Open", "won": "Won", "lost": "Lost", "deleted": "Deleted"}
INDUSTRIES = {100: "Software", 101: "Healthcare", 102: "Retail", 103: "Energy", 104: "Other"}

_Row = tuple[str, str, str, Mapping[Any, str] | None]

_COMMON: tuple[_Row, ...] = (
    ("id", "ID", "int", None),
    ("owner_id", "Owner", "user", None),
    ("add_time", "Created", "date", None),
    ("update_time", "Updated", "date", None),
    ("visible_to", "Visible to", "visible_to", dict(VISIBLE)),
)

_OWN: dict[str, tuple[_Row, ...]] = {
    "persons": (
        ("name", "Name", "varchar", None),
        ("first_name", "First name", "varchar", None),
        ("last_name", "Last name", "varchar", None),
        ("emails", "Email", "varchar", None),
        ("phones", "Phone", "phone", None),
        ("org_id", "Organization", "org", None),
        ("label_ids", "Labels", "set", dict(PERSON_LABELS)),
        ("picture_id", "Picture", "picture", None),
    ),
    "organizations": (
        ("name", "Name", "varchar", None),
        ("address", "Address", "address", None),
        ("label_ids", "Labels", "set", dict(ORGANIZATION_LABELS)),
        ("website", "Website", "varchar", None),
        ("linkedin", "LinkedIn profile", "varchar", None),
        ("industry", "Industry", "enum", dict(INDUSTRIES)),
        ("annual_revenue", "Annual revenue", "double", None),
        ("employee_count", "Number of employees", "int", None),
    ),
    "deals": (
        ("title", "Title", "varchar", None),
        ("value", "Value", "monetary", None),
        ("currency", "Currency", "varchar", None),
        ("person_id", "Contact person", "people", None),
        ("org_id", "Organization", "org", None),
        ("pipeline_id", "Pipeline", "int", None),
        ("stage_id", "Stage", "stage", None),
        ("status", "Status", "status", dict(STATUS)),
        ("probability", "Probability", "int", None),
        ("lost_reason", "Lost reason", "varchar_options", None),
        ("expected_close_date", "Expected close date", "date", None),
        ("won_time", "Won time", "date", None),
        ("lost_time", "Lost time", "date", None),
        ("close_time", "Deal closed on", "date", None),
        ("stage_change_time", "Last stage change", "date", None),
        ("label_ids", "Labels", "set", dict(DEAL_LABELS)),
    ),
    "products": (
        ("name", "Name", "varchar", None),
        ("code", "Product code", "varchar", None),
        ("unit", "Unit", "varchar", None),
        ("tax", "Tax", "double", None),
        ("prices", "Unit prices", "double", None),
    ),
    "activities": (
        ("subject", "Subject", "varchar", None),
        ("type", "Type", "enum", {t: t.capitalize() for t in ACTIVITY_TYPES}),
        ("due_date", "Due date", "date", None),
        ("due_time", "Due time", "time", None),
        ("duration", "Duration", "time", None),
        ("done", "Done", "boolean", None),
        ("busy", "Free/busy", "boolean", None),
        ("deal_id", "Deal", "deal", None),
        ("lead_id", "Lead", "lead", None),
        ("person_id", "Contact person", "people", None),
        ("org_id", "Organization", "org", None),
        ("note", "Note", "text", None),
    ),
}

OPTIONAL: dict[str, Sequence[str]] = {
    "persons": several(
        "next_activity_id last_activity_id open_deals_count related_open_deals_count "
        "closed_deals_count related_closed_deals_count participant_open_deals_count "
        "participant_closed_deals_count email_messages_count activities_count "
        "done_activities_count undone_activities_count files_count notes_count "
        "followers_count won_deals_count related_won_deals_count lost_deals_count "
        "related_lost_deals_count last_incoming_mail_time last_outgoing_mail_time "
        "marketing_status doi_status smart_bcc_email"
    ),
    "organizations": several(
        "next_activity_id last_activity_id open_deals_count related_open_deals_count "
        "closed_deals_count related_closed_deals_count email_messages_count people_count "
        "activities_count done_activities_count undone_activities_count files_count "
        "notes_count followers_count won_deals_count related_won_deals_count "
        "lost_deals_count related_lost_deals_count smart_bcc_email"
    ),
    "deals": several(
        "next_activity_id last_activity_id first_won_time products_count files_count "
        "notes_count followers_count email_messages_count activities_count "
        "done_activities_count undone_activities_count participants_count "
        "last_incoming_mail_time last_outgoing_mail_time smart_bcc_email source_lead_id"
    ),
    "activities": ["attendees"],
    "products": [],
}
"""Fields that a list or a single record shows only on request (``include_fields``)."""


def definitions(collection: str) -> Iterable[Record]:
    """System fields of a collection."""
    for code, name, kind, options in (*_COMMON, *_OWN[collection]):
        shown = None
        if options is not None:
            shown = [
                {"id": i, "label": label, "color": None, "add_time": None, "update_time": None}
                for i, label in options.items()
            ]
        yield definition(name, code, kind, shown, custom=False)
    for code in OPTIONAL[collection]:
        name = code.replace("_", " ").capitalize()
        kind = "date" if code.endswith("_time") else "int"
        yield {
            **definition(name, code, kind, custom=False),
            "is_optional_response_field": True,
        }
