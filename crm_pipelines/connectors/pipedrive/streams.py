"""What is mirrored from Pipedrive: one declaration per stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from crm_pipelines.model.stream import Field, Stream, Type


@dataclass(frozen=True, kw_only=True)
class PipedriveStream(Stream):
    """A list of Pipedrive's API. ``paged`` is how it pages: ``cursor`` (v2), ``none`` (v1)."""

    path: str
    params: dict[str, str] = field(default_factory=dict)
    paged: str = "cursor"


ADDED = Field("add_time", Type.TIMESTAMP, description="When it was created.")
UPDATED = Field("update_time", Type.TIMESTAMP, description="When it was last changed.")
DELETED = Field("is_deleted", Type.BOOLEAN, description="Whether it is in the bin.")
OWNER = Field("owner_id", Type.INTEGER, description="The user it belongs to.")
LABELS = Field("label_ids", Type.JSON, description="Options of the label field.")
VISIBLE = Field("visible_to", Type.INTEGER, description="1 owner, 3 company, 5 and 7 groups.")
CUSTOM = Field("custom_fields", Type.JSON, description="Values by 40-character field code.")


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def _whole_numbers(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Type.INTEGER) for name in names)


def _flags(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Type.BOOLEAN) for name in names)


def _times(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Type.TIMESTAMP) for name in names)


PERSONS = PipedriveStream(
    name="persons",
    title="Persons",
    description="People, with their e-mails and phones.",
    path="/api/v2/persons",
    cursor_field="update_time",
    deleted_field="is_deleted",
    indexes=("email",),
    required=("name",),
    fields=(
        Field("name", description="Full name."),
        *_texts("first_name", "last_name"),
        Field("email", path="emails[primary].value", check="email", description="Primary e-mail."),
        Field("phone", path="phones[primary].value", check="phone", description="Primary phone."),
        Field("emails", Type.JSON, description="Every e-mail with label."),
        Field("phones", Type.JSON, description="Every phone with label."),
        Field("org_id", Type.INTEGER, description="The organization."),
        OWNER,
        LABELS,
        VISIBLE,
        Field("picture_id", Type.INTEGER),
        *_texts("job_title", "notes", "birthday"),
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
    *_whole_numbers("person_id", "org_id", "pipeline_id", "stage_id"),
    OWNER,
    Field("creator_user_id", Type.INTEGER),
    Field("probability", Type.DECIMAL, description="Per cent."),
    Field("expected_close_date", Type.DATE),
    *_times("stage_change_time", "won_time", "lost_time", "close_time", "archive_time"),
    *(Field(name, Type.DATE) for name in ("local_won_date", "local_lost_date", "local_close_date")),
    *_texts("lost_reason", "origin", "origin_id", "channel_id"),
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
    cursor_field="update_time",
    deleted_field="is_deleted",
    required=("title",),
    scope="NOT coalesce(is_archived, false)",
    fields=_DEAL_FIELDS,
)

ARCHIVED_DEALS = PipedriveStream(
    name="archived_deals",
    title="Archived deals",
    description="The API lists archived deals apart; they land in the same table as the others.",
    path="/api/v2/deals/archived",
    cursor_field="update_time",
    deleted_field="is_deleted",
    required=("title",),
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
    fields=(
        Field("subject", description="Subject."),
        Field("type", description="Key of the activity type."),
        OWNER,
        *_whole_numbers("creator_user_id", "deal_id", "person_id", "org_id", "project_id"),
        Field("lead_id", description="UUID of the lead."),
        Field("due_date", Type.DATE),
        Field("due_time", description="UTC, HH:MM or HH:MM:SS."),
        Field("duration", description="HH:MM or HH:MM:SS, may pass a day."),
        *_flags("busy", "done"),
        Field("marked_as_done_time", Type.TIMESTAMP),
        Field("note", description="HTML."),
        Field("public_description"),
        Field("priority", Type.INTEGER),
        Field("location", Type.JSON),
        Field("participants", Type.JSON, description="Persons, the primary one marked."),
        Field("attendees", Type.JSON),
        *_texts("conference_meeting_client", "conference_meeting_url", "conference_meeting_id"),
        DELETED,
        ADDED,
        UPDATED,
    ),
)

PIPELINES = PipedriveStream(
    name="pipelines",
    title="Pipelines",
    description="Sales pipelines.",
    path="/api/v2/pipelines",
    stamp_field="update_time",
    deleted_field="is_deleted",
    fields=(
        Field("name"),
        Field("order_nr", Type.INTEGER),
        *_flags("is_deal_probability_enabled"),
        DELETED,
        ADDED,
        UPDATED,
    ),
)

STAGES = PipedriveStream(
    name="stages",
    title="Stages",
    description="Stages of the pipelines.",
    path="/api/v2/stages",
    stamp_field="update_time",
    deleted_field="is_deleted",
    fields=(
        Field("name"),
        *_whole_numbers("pipeline_id", "order_nr", "deal_probability", "days_to_rotten"),
        *_flags("is_deal_rot_enabled"),
        DELETED,
        ADDED,
        UPDATED,
    ),
)

USERS = PipedriveStream(
    name="users",
    title="Users",
    description="People who use Pipedrive.",
    path="/api/v1/users",
    paged="none",
    indexes=("email",),
    fields=(
        Field("name"),
        Field("email", check="email"),
        *_texts("phone", "default_currency", "locale", "timezone_name", "icon_url"),
        *_whole_numbers("lang", "role_id"),
        *_flags("active_flag", "activated", "is_admin", "is_you", "has_created_company"),
        *_times("last_login", "created", "modified"),
        Field("access", Type.JSON, description="Apps and admin rights."),
    ),
)


def _fields_of(entity: str) -> PipedriveStream:
    return PipedriveStream(
        name=f"{entity}_fields",
        title=f"{entity.capitalize()} fields",
        description=f"The fields of the {entity}, custom ones included, with their options.",
        path=f"/api/v2/{entity}Fields",
        key=Field("id", path="field_code", description="The field's code."),
        fields=(
            Field("field_code", description="40 characters for a custom field."),
            Field("field_name", description="The name people see."),
            Field("field_type"),
            Field("options", Type.JSON, description="Id, label and colour of each option."),
            Field("subfields", Type.JSON),
            *_flags("is_custom_field", "is_optional_response_field"),
        ),
    )


STREAMS: tuple[PipedriveStream, ...] = (
    PERSONS,
    ORGANIZATIONS,
    DEALS,
    ARCHIVED_DEALS,
    ACTIVITIES,
    PIPELINES,
    STAGES,
    USERS,
    _fields_of("person"),
    _fields_of("organization"),
    _fields_of("deal"),
)
