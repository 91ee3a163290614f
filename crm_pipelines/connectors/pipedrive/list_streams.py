"""What a company sets up once: lists that are read whole, since nothing tells what changed."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive.declaration import (
    ACTIVE,
    ADDED,
    DELETED,
    HOURLY,
    SELDOM,
    UPDATED,
    PipedriveStream,
    flags,
    texts,
    times,
    whole_numbers,
)
from crm_pipelines.model.stream import Field, Type

PIPELINES = PipedriveStream(
    name="pipelines",
    title="Pipelines",
    description="Sales pipelines.",
    path="/api/v2/pipelines",
    rhythm=HOURLY,
    stamp_field="update_time",
    deleted_field="is_deleted",
    fields=(
        Field("name"),
        Field("order_nr", Type.INTEGER),
        *flags("is_deal_probability_enabled"),
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
    rhythm=HOURLY,
    stamp_field="update_time",
    deleted_field="is_deleted",
    fields=(
        Field("name"),
        *whole_numbers("pipeline_id", "order_nr", "deal_probability", "days_to_rotten"),
        *flags("is_deal_rot_enabled"),
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
    rhythm=HOURLY,
    paged="none",
    indexes=("email",),
    fields=(
        Field("name"),
        Field("email", check="email"),
        *texts("phone", "default_currency", "locale", "timezone_name", "timezone_offset"),
        *texts("icon_url"),
        *whole_numbers("lang", "role_id"),
        *flags("active_flag", "activated", "is_admin", "is_you", "has_created_company"),
        Field("is_deleted", Type.BOOLEAN, description="Whether the user was removed."),
        *times("last_login", "created", "modified"),
        Field("access", Type.JSON, description="Apps and admin rights."),
    ),
)

CURRENCIES = PipedriveStream(
    name="currencies",
    title="Currencies",
    description="Currencies a deal may be in, the company's own included.",
    path="/api/v1/currencies",
    rhythm=SELDOM,
    paged="none",
    fields=(
        Field("code", description="ISO 4217, or the company's own."),
        *texts("name", "symbol"),
        Field("decimal_points", Type.INTEGER),
        *flags("active_flag", "is_custom_flag"),
    ),
)

ACTIVITY_TYPES = PipedriveStream(
    name="activity_types",
    title="Activity types",
    description="Kinds of activities; an activity names its type by ``key_string``.",
    path="/api/v1/activityTypes",
    rhythm=SELDOM,
    paged="none",
    stamp_field="update_time",
    fields=(
        *texts("name", "key_string", "icon_key", "color"),
        Field("order_nr", Type.INTEGER),
        ACTIVE,
        Field("is_custom_flag", Type.BOOLEAN),
        ADDED,
        UPDATED,
    ),
)

LEAD_LABELS = PipedriveStream(
    name="lead_labels",
    title="Lead labels",
    description="Labels of leads, by UUID.",
    path="/api/v1/leadLabels",
    rhythm=SELDOM,
    paged="none",
    stamp_field="update_time",
    key=Field("id", description="UUID."),
    fields=(*texts("name", "color"), ADDED, UPDATED),
)

FILTERS = PipedriveStream(
    name="filters",
    title="Filters",
    description="Saved filters, without their conditions: the API shows those one by one.",
    path="/api/v1/filters",
    rhythm=SELDOM,
    paged="none",
    stamp_field="update_time",
    fields=(
        *texts("name", "filter_code"),
        Field("type", description="What it filters: deals, people, org and so on."),
        Field("user_id", Type.INTEGER, description="Whose it is."),
        Field("visible_to", Type.INTEGER),
        Field("custom_view_id", Type.INTEGER),
        *flags("is_editable", "active_flag", "temporary_flag"),
        *times("last_used_time"),
        ADDED,
        UPDATED,
    ),
)


def fields_of(entity: str) -> PipedriveStream:
    """The fields of an entity, as v2 describes them."""
    return PipedriveStream(
        name=f"{entity}_fields",
        title=f"{entity.capitalize()} fields",
        description=f"The fields of the {entity}, custom ones included, with their options.",
        path=f"/api/v2/{entity}Fields",
        rhythm=HOURLY,
        sortable=False,
        key=Field("id", path="field_code", description="The field's code."),
        fields=(
            Field("field_code", description="40 characters for a custom field."),
            Field("field_name", description="The name people see."),
            Field("field_type"),
            Field("options", Type.JSON, description="Id, label and colour of each option."),
            Field("subfields", Type.JSON),
            *flags("is_custom_field", "is_optional_response_field"),
        ),
    )


LEAD_FIELDS = PipedriveStream(
    name="lead_fields",
    title="Lead fields",
    description="The fields of the lead, which only v1 lists; columns are named as in v2.",
    path="/api/v1/leadFields",
    rhythm=SELDOM,
    paged="offset",
    sortable=False,
    key=Field("id", path="key", description="The field's code."),
    fields=(
        Field("field_code", path="key", description="40 characters for a custom field."),
        Field("field_name", path="name", description="The name people see."),
        Field("field_type"),
        Field("options", Type.JSON, description="Id, label and colour of each option."),
        Field("is_custom_field", Type.BOOLEAN, path="edit_flag"),
        Field("field_id", Type.INTEGER, path="id", description="The number v1 knows it by."),
        ACTIVE,
    ),
)
