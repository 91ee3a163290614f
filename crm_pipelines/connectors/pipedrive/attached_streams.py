"""Leads, and what hangs on other records: notes and files. Only API v1 lists them."""

from __future__ import annotations

from dataclasses import replace

from crm_pipelines.connectors.pipedrive.declaration import (
    ACTIVE,
    ADDED,
    CUSTOM,
    HOURLY,
    OWNER,
    UPDATED,
    VISIBLE,
    PipedriveStream,
    flags,
    texts,
    whole_numbers,
)
from crm_pipelines.model.stream import Field, Type

_LEAD_FIELDS = (
    Field("title", description="Title."),
    OWNER,
    *whole_numbers("creator_id", "person_id", "organization_id"),
    Field("value", Type.JSON, description="Amount and currency."),
    Field("label_ids", Type.JSON, description="UUIDs of lead labels."),
    Field("expected_close_date", Type.DATE),
    Field("next_activity_id", Type.INTEGER),
    *texts("source_name", "origin", "origin_id", "channel_id", "cc_email"),
    *whole_numbers("channel", "source_deal_id"),
    Field("was_seen", Type.BOOLEAN),
    Field("is_archived", Type.BOOLEAN, description="Archived leads are a list of their own."),
    VISIBLE,
    ADDED,
    UPDATED,
    replace(CUSTOM, keyed=False),  # a lead shows those that are set
)
_LEAD_KEY = Field("id", description="UUID.")

LEADS = PipedriveStream(
    name="leads",
    title="Leads",
    description="Leads that are not archived; their custom fields are those of deals.",
    path="/api/v1/leads",
    paged="offset",
    cursor_field="update_time",
    windows="since",
    gathers=True,
    key=_LEAD_KEY,
    required=("title",),
    scope="NOT coalesce(is_archived, false)",
    fields=_LEAD_FIELDS,
)

ARCHIVED_LEADS = PipedriveStream(
    name="archived_leads",
    title="Archived leads",
    description="The API lists archived leads apart; they land in the same table as the others.",
    path="/api/v1/leads/archived",
    paged="offset",
    cursor_field="update_time",
    windows="newest",
    rhythm=HOURLY,
    gathers=True,
    key=_LEAD_KEY,
    required=("title",),
    table="leads",
    scope="is_archived",
    fields=_LEAD_FIELDS,
)

NOTES = PipedriveStream(
    name="notes",
    title="Notes",
    description="Notes on deals, persons, organizations, leads, projects and tasks.",
    path="/api/v1/notes",
    paged="offset",
    cursor_field="update_time",
    windows="since",
    fields=(
        Field("content", description="HTML."),
        *whole_numbers("user_id", "last_update_user_id", "deal_id", "person_id", "org_id"),
        Field("lead_id", description="UUID of the lead."),
        *whole_numbers("project_id", "task_id"),
        *(
            Field(f"pinned_to_{what}_flag", Type.BOOLEAN)
            for what in ("lead", "deal", "organization", "person", "project", "task")
        ),
        ACTIVE,
        ADDED,
        UPDATED,
    ),
)

FILES = PipedriveStream(
    name="files",
    title="Files",
    description="What is known of attachments; their content stays in Pipedrive.",
    path="/api/v1/files",
    paged="offset",
    page=100,
    cursor_field="update_time",
    windows="newest",
    fields=(
        Field("name", description="The name people see."),
        *texts("file_name", "file_type", "description"),
        Field("file_size", Type.INTEGER, description="Bytes."),
        *whole_numbers("user_id", "deal_id", "person_id", "org_id", "product_id", "activity_id"),
        Field("lead_id", description="UUID of the lead."),
        *whole_numbers("project_id"),
        *texts("deal_name", "person_name", "org_name", "product_name", "lead_name"),
        *texts("project_name", "mail_message_id", "mail_template_id", "cid"),
        *texts("remote_location", "remote_id", "url", "s3_bucket"),
        *flags("active_flag", "inline_flag"),
        ADDED,
        UPDATED,
    ),
)
