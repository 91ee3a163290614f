"""What may be written to each collection over v2, declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm_pipelines.sandbox.pipedrive.custom_values import currency, custom_fields
from crm_pipelines.sandbox.pipedrive.features import missing
from crm_pipelines.sandbox.pipedrive.refusals import forbidden, invalid
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.pipedrive.values import (
    Check,
    address,
    boolean,
    clock_time,
    contact,
    day,
    duration,
    labels,
    listed,
    moment,
    nullable,
    number,
    one_of,
    option,
    reference,
    shape,
    spelled,
    text,
    whole,
    within,
)

if TYPE_CHECKING:
    from crm_pipelines.sandbox.pipedrive.company import Company


@dataclass(frozen=True)
class Body:
    """Keys of a body. ``on_create`` may only be given then; ``needs`` lists what a create needs.

    ``gated`` keys belong to a feature this company has not bought: they are refused with 403.
    """

    keys: Mapping[str, Check]
    needs: tuple[str, ...] = ()
    on_create: Mapping[str, Check] = field(default_factory=dict)
    gated: Mapping[str, str] = field(default_factory=dict)


name = text(255, empty=False)
owner = reference("users")
visible_to = one_of(1, 3, 5, 7)
attendee = shape(
    {"email": text(255)},
    {
        "name": nullable(text(255)),
        "status": nullable(text(50)),
        "is_organizer": boolean,
        "person_id": nullable(reference("persons")),
        "user_id": nullable(reference("users")),
    },
)
price = shape(
    {"currency": currency},
    {
        "price": number,
        "cost": number,
        "direct_cost": nullable(number),
        "notes": nullable(text()),
    },
)
CONTACT_SYNC = ("postal_address", "notes", "im", "birthday", "job_title")

BODIES: dict[str, Body] = {
    "persons": Body(
        {
            "name": name,
            "first_name": text(255),
            "last_name": text(255),
            "owner_id": owner,
            "org_id": nullable(reference("organizations")),
            "emails": listed(contact),
            "phones": listed(contact),
            "visible_to": visible_to,
            "label_ids": labels("persons"),
            "custom_fields": custom_fields("persons"),
        },
        ("name",),
        {"add_time": moment},
        {**dict.fromkeys(CONTACT_SYNC, "contact sync"), "marketing_status": "campaigns"},
    ),
    "organizations": Body(
        {
            "name": name,
            "owner_id": owner,
            "visible_to": visible_to,
            "label_ids": labels("organizations"),
            "address": nullable(address),
            "website": nullable(text(255)),
            "linkedin": nullable(text(255)),
            "industry": nullable(option("organizations", "industry")),
            "annual_revenue": nullable(number),
            "employee_count": nullable(whole),
            "custom_fields": custom_fields("organizations"),
        },
        ("name",),
        {"add_time": moment},
    ),
    "deals": Body(
        {
            "title": name,
            "owner_id": owner,
            "person_id": nullable(reference("persons")),
            "org_id": nullable(reference("organizations")),
            "pipeline_id": reference("pipelines"),
            "stage_id": reference("stages"),
            "value": number,
            "currency": currency,
            "is_deleted": one_of(False),
            "is_archived": boolean,
            "archive_time": nullable(moment),
            "status": one_of("open", "won", "lost"),
            "probability": nullable(within(0, 100)),
            "lost_reason": nullable(text(150)),
            "visible_to": visible_to,
            "close_time": nullable(moment),
            "won_time": nullable(moment),
            "lost_time": nullable(moment),
            "expected_close_date": nullable(day),
            "label_ids": labels("deals"),
            "custom_fields": custom_fields("deals"),
        },
        ("title",),
        {"add_time": moment},
    ),
    "activities": Body(
        {
            "subject": text(255),
            "type": text(50),
            "owner_id": owner,
            "deal_id": nullable(reference("deals")),
            "lead_id": nullable(reference("leads")),
            "org_id": nullable(reference("organizations")),
            "project_id": nullable(whole),
            "due_date": nullable(day),
            "due_time": nullable(spelled(clock_time)),
            "duration": nullable(spelled(duration)),
            "busy": boolean,
            "done": boolean,
            "location": nullable(address),
            "participants": listed(
                shape({"person_id": reference("persons")}, {"primary": boolean})
            ),
            "attendees": listed(attendee),
            "public_description": nullable(text()),
            "priority": nullable(whole),
            "outcome": nullable(whole),
            "note": nullable(text()),
        },
    ),
    "products": Body(
        {
            "name": name,
            "code": nullable(text(255)),
            "description": nullable(text()),
            "unit": nullable(text(255)),
            "tax": number,
            "category": nullable(whole),
            "owner_id": owner,
            "is_linkable": boolean,
            "visible_to": visible_to,
            "prices": listed(price),
            "billing_frequency": one_of(
                "one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly"
            ),
            "billing_frequency_cycles": nullable(whole),
            "custom_fields": custom_fields("products"),
        },
        ("name",),
    ),
    "pipelines": Body({"name": name, "is_deal_probability_enabled": boolean}, ("name",)),
    "stages": Body(
        {
            "name": name,
            "pipeline_id": reference("pipelines"),
            "deal_probability": within(0, 100),
            "is_deal_rot_enabled": boolean,
            "days_to_rotten": nullable(whole),
        },
        ("name", "pipeline_id"),
    ),
}
"""By collection."""


def read(company: Company, collection: str, given: Any, *, create: bool) -> Record:
    """The body as it is to be stored. Raises a ``Refusal`` (400 or 403)."""
    body = BODIES[collection]
    if not isinstance(given, dict):
        raise invalid("the body must be an object")
    if create:
        _require(body, given)
    made, absent = {}, missing(company, collection)
    for key, value in given.items():
        feature = "another plan" if key in absent else body.gated.get(key)
        if feature is not None:
            raise forbidden(f'"{key}" needs {feature}', "ERR_FEATURE_DISABLED")
        check = body.keys.get(key) or (body.on_create.get(key) if create else None)
        if check is None:
            raise invalid(f'"{key}" is not allowed')
        try:
            made[key] = check(value, company)
        except ValueError as error:
            raise invalid(f'"{key}" {error}') from None
    return made


def _require(body: Body, given: Record) -> None:
    for key in body.needs:
        halves = key == "name" and {"first_name", "last_name"} <= set(given)
        if key not in given and not halves:
            raise invalid(f'"{key}" is required')
