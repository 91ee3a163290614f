"""The records people work with that API v2 lists: persons, deals, products and the like."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive.declaration import (
    ADDED,
    CUSTOM,
    DELETED,
    LABELS,
    OWNER,
    UPDATED,
    VISIBLE,
    PipedriveStream,
    flags,
    texts,
    times,
    whole_numbers,
)
from crm_pipelines.model.rules import AnyOf, NotBefore
from crm_pipelines.model.stream import Field, Type

_COMPLETE = (
    AnyOf("contact_completeness", ("email", "phone"), "neither e-mail nor phone"),
    AnyOf("contact_completeness", ("first_name", "last_name", "name"), "no name"),
)
_CONSISTENT = tuple(
    NotBefore("deal_consistency", later, "add_time", f"{later} before add_time")
    for later in ("close_time", "won_time", "lost_time")
)

PERSONS = PipedriveStream(
    name="persons",
    title="Persons",
    description="People, with their e-mails and phones.",
    path="/api/v2/persons",
    cursor_field="update_time",
    deleted_field="is_deleted",
    indexes=("email",),
    required=("name",),
    rules=_COMPLETE,
    fields=(
        Field("name", description="Full name."),
        *texts("first_name", "last_name"),
        Field("email", path="emails[primary].value", check="email", description="Primary e-mail."),
        Field("phone", path="phones[primary].value", check="phone", description="Primary phone."),
        Field("emails", Type.JSON, description="Every e-mail with label."),
        Field("phones", Type.JSON, description="Every phone with label."),
        Field("org_id", Type.INTEGER, description="The organization."),
        OWNER,
        LABELS,
        VISIBLE,
        Field("picture_id", Type.INTEGER),
        *texts("job_title", "notes"),
        Field("birthday", check="date"),
        Field("im", Type.JSON, description="Messenger names, with contact sync only."),
        Field("postal_address", Type.JSON, description="With contact sync only."),
        DELETED,
        ADDED,
        UPDATED,
        CUSTOM,
    ),
)

ORGANIZATIONS = PipedriveStream(
    name="organizations",
    title="Organizations",
    description="Companies.",
    path="/api/v2/organizations",
    cursor_field="update_time",
    deleted_field="is_deleted",
    required=("name",),
    fields=(
        Field("name", description="Name."),
        Field("address", Type.JSON, description="Value and its parts."),
        OWNER,
        LABELS,
        VISIBLE,
        Field("website", check="url"),
        Field("linkedin", check="url"),
        Field("industry", Type.INTEGER, description="Option of the industry field."),
        Field("annual_revenue", Type.DECIMAL),
        Field("employee_count", Type.INTEGER),
        DELETED,
        ADDED,
        UPDATED,
        CUSTOM,
    ),
)

_DEAL_FIELDS = (
    Field("title", description="Title."),
    Field("value", Type.DECIMAL, description="In the deal's currency."),
    Field("currency", description="ISO 4217 code."),
    Field("status", description="open, won, lost or deleted."),
    *whole_numbers("person_id", "org_id", "pipeline_id", "stage_id"),
    OWNER,
    Field("creator_user_id", Type.INTEGER),
    Field("probability", Type.DECIMAL, description="Per cent."),
    Field("expected_close_date", Type.DATE),
    *times("stage_change_time", "won_time", "lost_time", "close_time", "archive_time"),
    *(Field(name, Type.DATE) for name in ("local_won_date", "local_lost_date", "local_close_date")),
    *texts("lost_reason", "origin", "origin_id", "channel_id"),
    Field("channel", Type.INTEGER),
    *(Field(name, Type.DECIMAL) for name in ("arr", "mrr", "acv")),
    LABELS,
    VISIBLE,
    Field("is_archived", Type.BOOLEAN, description="Archived deals are a list of their own."),
    DELETED,
    ADDED,
    UPDATED,
    CUSTOM,
)

DEALS = PipedriveStream(
    name="deals",
    title="Deals",
    description="Deals that are not archived, deleted ones of the last 30 days included.",
    path="/api/v2/deals",
    params={"status": "open,won,lost,deleted"},
    deletes_told=True,
    cursor_field="update_time",
    deleted_field="is_deleted",
    indexes=("person_id",),
    required=("title",),
    rules=_CONSISTENT,
    scope="NOT coalesce(is_archived, false)",
    fields=_DEAL_FIELDS,
)

ARCHIVED_DEALS = PipedriveStream(
    name="archived_deals",
    title="Archived deals",
    description="The API lists archived deals apart, deleted ones of the last 30 days included; "
    "they land in the same table as the others.",
    path="/api/v2/deals/archived",
    params={"status": "open,won,lost,deleted"},
    cursor_field="update_time",
    deleted_field="is_deleted",
    indexes=("person_id",),
    deletes_told=True,
    required=("title",),
    rules=_CONSISTENT,
    table="deals",
    scope="is_archived",
    fields=_DEAL_FIELDS,
)

ACTIVITIES = PipedriveStream(
    name="activities",
    title="Activities",
    description="Calls, meetings, tasks and the like.",
    path="/api/v2/activities",
    params={"include_fields": "attendees"},
    cursor_field="update_time",
    deleted_field="is_deleted",
    indexes=("person_id",),
    fields=(
        Field("subject", description="Subject."),
        Field("type", description="Key of the activity type."),
        OWNER,
        *whole_numbers("creator_user_id", "deal_id", "person_id", "org_id", "project_id"),
        Field("lead_id", check="object_id", description="UUID of the lead."),
        Field("due_date", Type.DATE),
        Field("due_time", description="UTC, HH:MM or HH:MM:SS."),
        Field("duration", description="HH:MM or HH:MM:SS, may pass a day."),
        *flags("busy", "done"),
        Field("marked_as_done_time", Type.TIMESTAMP),
        Field("note", description="HTML."),
        Field("public_description"),
        Field("priority", Type.INTEGER),
        Field("location", Type.JSON),
        Field("participants", Type.JSON, description="Persons, the primary one marked."),
        Field("attendees", Type.JSON),
        *texts("conference_meeting_client", "conference_meeting_id", "outcome"),
        Field("conference_meeting_url", check="url"),
        DELETED,
        ADDED,
        UPDATED,
    ),
)

PRODUCTS = PipedriveStream(
    name="products",
    title="Products",
    description="What is sold, with its prices.",
    path="/api/v2/products",
    cursor_field="update_time",
    windows="since",
    deleted_field="is_deleted",
    required=("name",),
    fields=(
        *texts("name", "code", "description", "unit"),
        Field("tax", Type.DECIMAL, description="Per cent."),
        Field("category", description="Option of the category field."),
        Field("prices", Type.JSON, description="A price per currency, with costs."),
        *texts("billing_frequency"),
        Field("billing_frequency_cycles", Type.INTEGER),
        Field("is_linkable", Type.BOOLEAN, description="Whether deals may use it."),
        OWNER,
        VISIBLE,
        DELETED,
        ADDED,
        UPDATED,
        CUSTOM,
    ),
)
